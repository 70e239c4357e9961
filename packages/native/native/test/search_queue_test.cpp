// Searches of a queue: each ends once, and none waits to be told of for good, wherever originals
// are read and whatever they take.
#include "../search_queue.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "../pool.h"
#include "check.h"

using namespace annulus;

namespace {

constexpr uint32_t kDimension = 4;
constexpr uint32_t kFound = 3;

// Finds the slots that follow the query's first component.
void candidates(void *, annulus_candidate_request *request) {
  request->found = std::min(request->k, kFound);
  for (uint32_t i = 0; i < request->found; ++i) {
    request->slots[i] = static_cast<uint32_t>(request->query[0]) + i;
    request->distances[i] = static_cast<float>(i);
  }
  request->status = ANNULUS_OK;
}

void keep(void *) {}

annulus_source fake_source() {
  return {{ANNULUS_ABI_MAGIC, ANNULUS_KIND_SOURCE, sizeof(annulus_source), ANNULUS_ABI_VERSION},
          nullptr,
          keep,
          keep,
          kDimension,
          candidates};
}

// Reads on the caller's thread, or every so many requests on its own.
class FakeReader {
 public:
  explicit FakeReader(uint32_t apart) : apart_(apart), thread_([this] { serve(); }) {}
  ~FakeReader() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  annulus_reader table() {
    return {{ANNULUS_ABI_MAGIC, ANNULUS_KIND_READER, sizeof(annulus_reader), ANNULUS_ABI_VERSION},
            this,
            keep,
            keep,
            kDimension,
            [](void *) { return uint64_t{1} << 20; },
            [](void *self, annulus_score_request *request) {
              static_cast<FakeReader *>(self)->score(request);
            }};
  }

 private:
  void score(annulus_score_request *request) {
    if (apart_ == 0 || requests_.fetch_add(1) % apart_ != 0) return answer(request);
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(request);
    changed_.notify_all();
  }
  static void answer(annulus_score_request *request) {
    for (size_t i = 0; i < request->n; ++i) request->out[i] = static_cast<float>(request->slots[i]);
    request->status = ANNULUS_OK;
    request->done(request);
  }
  void serve() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
      if (queue_.empty()) return;
      annulus_score_request *const request = queue_.front();
      queue_.pop_front();
      lock.unlock();
      answer(request);
      lock.lock();
    }
  }

  const uint32_t apart_;
  std::atomic<uint32_t> requests_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<annulus_score_request *> queue_;
  bool ending_ = false;
  std::thread thread_;
};

// What an event loop is to searches: it sleeps until it is told.
class Loop {
 public:
  void finish(SearchQueue::Entry *entry, size_t told_from) {
    std::lock_guard<std::mutex> lock(mutex_);
    finished_.push_back(entry);
    if (finished_.size() >= told_from) wake();
  }
  void tell() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!finished_.empty()) wake();
  }
  std::vector<SearchQueue::Entry *> wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    told_.wait(lock, [this] { return woken_; });
    woken_ = false;
    ++wakes_;
    return std::exchange(finished_, {});
  }
  long wakes() const { return wakes_; }

 private:
  void wake() {
    woken_ = true;
    told_.notify_one();
  }
  std::mutex mutex_;
  std::condition_variable told_;
  std::vector<SearchQueue::Entry *> finished_;
  bool woken_ = false;
  long wakes_ = 0;
};

class Caller : public SearchQueue::Entry {
 public:
  explicit Caller(Loop &loop) : loop_(loop) {}
  std::atomic<int> ended{0};
  int begun = 0;

 protected:
  const int32_t *flag() const override { return &flag_; }
  void done(size_t told_from) override {
    ++ended;
    loop_.finish(this, told_from);
  }

 private:
  Loop &loop_;
  const int32_t flag_ = 0;
};

// So many callers search one after the other.
void run(uint32_t threads, size_t callers, uint32_t apart) {
  constexpr int kTimes = 300;
  FakeReader reader(apart);
  const auto held_loop = std::make_shared<Loop>();
  Loop &loop = *held_loop;
  Pool *pool = Pool::create(threads, true, threads + 1);
  auto plan = std::make_shared<SearchPlan>();
  plan->pool = Held<annulus_pool>(pool->table());
  plan->sources.push_back({Held<annulus_source>(fake_source()), nullptr, 0});
  plan->reader = Held<annulus_reader>(reader.table());
  plan->options.limit = plan->options.candidates = kFound;
  plan->dimension = kDimension;
  auto queue = std::make_shared<SearchQueue>(plan, [held_loop] { held_loop->tell(); });
  std::vector<std::unique_ptr<Caller>> all;
  const auto begin = [&](Caller &caller) {
    const float query[kDimension] = {static_cast<float>(++caller.begun), 0, 0, 0};
    caller.search.prepare(plan, query);
    queue->add(&caller);
  };
  for (size_t i = 0; i < callers; ++i) {
    all.push_back(std::make_unique<Caller>(loop));
    begin(*all.back());
  }
  size_t left = callers * kTimes;
  bool right = true;
  while (left > 0) {
    for (SearchQueue::Entry *entry : loop.wait()) {
      --left;
      auto &caller = static_cast<Caller &>(*entry);
      const Search &search = caller.search;
      right = right && caller.ended == caller.begun && search.status() == ANNULUS_OK &&
              search.found() == kFound && search.reads() == kFound;
      for (uint32_t i = 0; i < search.found(); ++i) {
        right = right && search.slots()[i] == static_cast<uint32_t>(caller.begun) + i;
      }
      if (caller.begun < kTimes) begin(caller);
    }
  }
  const std::string context = std::to_string(threads) + " threads, " + std::to_string(callers) +
                              " callers, apart " + std::to_string(apart);
  CHECK_AT(right, context);
  for (const auto &caller : all) CHECK_AT(caller->ended == kTimes, context);
  // One alone is told of at once, and many share a wake-up (of a fast reader, mostly several).
  if (callers == 1) CHECK_AT(loop.wakes() == kTimes, context);
  CHECK_AT(loop.wakes() <= static_cast<long>(callers) * kTimes, context);
  // The queue may outlive those who hold it: its jobs do.
  queue.reset();
  plan.reset();
  all.clear();
  pool->close();
  pool->table().release(pool);
}

}  // namespace

int main() {
  for (const uint32_t threads : {1u, 2u, 4u}) {
    for (const size_t callers : {1u, 2u, 8u, 40u}) {
      for (const uint32_t apart : {0u, 1u, 3u}) run(threads, callers, apart);
    }
  }
  return check::finish("search_queue");
}
