#include "search_queue.h"

#include <algorithm>
#include <utility>

namespace annulus {

namespace {

// Searches that one job does before others of the pool have their turn.
constexpr int kTurns = 8;
// Results told of together.
constexpr size_t kTogether = 8;
// A result waits for another search only where those take no longer...
constexpr std::chrono::nanoseconds kBrief = std::chrono::microseconds(100);
// ...and no longer than until the end of the search in which this has passed.
constexpr std::chrono::nanoseconds kLongestWait = std::chrono::microseconds(100);
// Of what searches took, the share that the last one has in what they usually take.
constexpr int64_t kLastShare = 8;

// The search that this thread is at.
thread_local const SearchQueue::Entry *at_hand = nullptr;

}  // namespace

// Until one has been measured they are taken for long.
SearchQueue::SearchQueue(std::shared_ptr<const SearchPlan> plan, std::function<void()> tell)
    : plan_(std::move(plan)),
      tell_(std::move(tell)),
      threads_(plan_->pool->threads(plan_->pool->self)),
      usual_ns_(2 * kBrief.count()) {}

void SearchQueue::add(Entry *entry) {
  bool needs_job;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    waiting_.push_back(entry);
    needs_job = jobs_ < threads_;
    if (needs_job) ++jobs_;
  }
  if (needs_job) submit(new std::shared_ptr<SearchQueue>(shared_from_this()));
}

void SearchQueue::submit(std::shared_ptr<SearchQueue> *self) {
  const annulus_pool &pool = *plan_->pool;
  pool.submit(pool.self, &SearchQueue::run_job, self, plan_->options.background ? 1 : 0);
}

// The job holds the queue, and so the pool, which it may be the last to do.
void SearchQueue::run_job(void *self, uint32_t worker) {
  auto *queue = static_cast<std::shared_ptr<SearchQueue> *>(self);
  if ((*queue)->serve(worker)) return (*queue)->submit(queue);
  delete queue;
}

// Whether there may be more to do.
bool SearchQueue::serve(uint32_t worker) {
  Clock::time_point now = Clock::now();
  bool untold = false;  // results may wait
  Clock::time_point untold_since = now;
  for (int turn = 0; turn < kTurns; ++turn) {
    size_t left = 0;
    Entry *const entry = take(left);
    if (entry == nullptr) {
      if (untold) tell_();
      return false;
    }
    entry->told_from_ = is_brief() ? std::clamp<size_t>(left, 1, kTogether) : 1;
    if (entry->told_from_ > 1 && !std::exchange(untold, true)) untold_since = now;
    at_hand = entry;
    // It may be gone when this returns.
    entry->search.run_here(
        worker, entry->flag(),
        [](Search *, void *self) {
          auto *ended = static_cast<Entry *>(self);
          // What another thread ended, it tells of: nobody else may come to do so.
          ended->done(at_hand == ended ? ended->told_from_ : 1);
        },
        entry);
    at_hand = nullptr;
    const Clock::time_point end = Clock::now();
    note(end - std::exchange(now, end));
    if (untold && now - untold_since > kLongestWait) {
      tell_();
      untold = false;
    }
  }
  if (untold) tell_();
  return true;
}

// Null when none waits; the job has then ended. `left` is how many wait besides.
SearchQueue::Entry *SearchQueue::take(size_t &left) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (waiting_.empty()) {
    --jobs_;
    return nullptr;
  }
  Entry *const entry = waiting_.front();
  waiting_.pop_front();
  left = waiting_.size();
  return entry;
}

// Two that note at once may lose one of both.
void SearchQueue::note(std::chrono::nanoseconds spent) {
  const int64_t usual = usual_ns_.load(std::memory_order_relaxed);
  usual_ns_.store(usual + (spent.count() - usual) / kLastShare, std::memory_order_relaxed);
}

bool SearchQueue::is_brief() const {
  return usual_ns_.load(std::memory_order_relaxed) < kBrief.count();
}

}  // namespace annulus
