#include "engine.h"

#if !defined(_WIN32)

#include <future>
#include <new>
#include <stdexcept>

#include "ring_loop.h"
#include "scheduling.h"
#include "signals.h"

namespace annulus::uring {

namespace {

void finish(Request *request, int32_t status, uint64_t slot = 0) {
  request->status = status;
  request->slot = slot;
  request->done(request);
}

// An annulus_score_request from another addon, on its way through the engine.
struct ForeignRequest : Request {
  annulus_score_request *foreign = nullptr;
  // Where only some slots go to the ring: which, and their distances until they are put in place.
  std::vector<uint32_t> missed;
  std::vector<uint32_t> missed_slots;
  std::vector<float> missed_distances;

  void take_missed() {
    for (const uint32_t index : missed) missed_slots.push_back(foreign->slots[index]);
    missed_distances.resize(missed.size());
    slots = missed_slots.data();
    n = missed_slots.size();
    out = missed_distances.data();
  }

  static void finished(Request *request) {
    auto *own = static_cast<ForeignRequest *>(request);
    annulus_score_request *foreign = own->foreign;
    for (size_t i = 0; i < own->missed_distances.size(); ++i) {
      foreign->out[own->missed[i]] = own->missed_distances[i];
    }
    foreign->status = own->status;
    foreign->detail = own->detail;
    foreign->slot = own->slot;
    delete own;
    foreign->done(foreign);
  }
};

// A caller on its own thread. It announces itself before it asks whether it may come in, and
// `close` says no before it counts: one of the two sees the other.
class Visit {
 public:
  explicit Visit(EngineState &state) : state_(state) { state_.visitors.fetch_add(1); }
  ~Visit() { state_.visitors.fetch_sub(1, std::memory_order_release); }
  Visit(const Visit &) = delete;
  Visit &operator=(const Visit &) = delete;
  bool admitted() const { return state_.accepting.load(); }

 private:
  EngineState &state_;
};

void score(void *self, annulus_score_request *foreign) {
  auto *request = new (std::nothrow) ForeignRequest;
  if (request == nullptr) {
    foreign->status = ANNULUS_OUT_OF_MEMORY;
    foreign->done(foreign);
    return;
  }
  request->foreign = foreign;
  request->slots = foreign->slots;
  request->n = foreign->n;
  request->out = foreign->out;
  request->query = foreign->query;
  request->metric = foreign->metric;
  request->abort = foreign->abort;
  request->done = &ForeignRequest::finished;
  try {
    if (static_cast<Engine *>(self)->score_cached(foreign, request->missed)) request->take_missed();
  } catch (const std::bad_alloc &) {
    return finish(request, ANNULUS_OUT_OF_MEMORY);
  }
  static_cast<Engine *>(self)->submit(request);
}

}  // namespace

Engine *Engine::create(const EngineOptions &options, std::unique_ptr<RingOps> ops,
                       std::unique_ptr<MapOps> maps) {
  return new Engine(options, std::move(ops), std::move(maps));
}

Engine::Engine(const EngineOptions &options, std::unique_ptr<RingOps> ops,
               std::unique_ptr<MapOps> maps)
    : state_(std::make_shared<EngineState>(options, std::move(ops), std::move(maps))) {
  reader_.head = {ANNULUS_ABI_MAGIC, ANNULUS_KIND_READER, sizeof(annulus_reader),
                  ANNULUS_ABI_VERSION};
  reader_.self = this;
  reader_.retain = [](void *self) { static_cast<Engine *>(self)->retain(); };
  reader_.release = [](void *self) { static_cast<Engine *>(self)->release(); };
  reader_.dimension = options.layout.dimension;
  reader_.slots = [](void *self) { return static_cast<Engine *>(self)->slots(); };
  reader_.score = &score;
}

StartResult Engine::start() {
  std::promise<StartResult> started;
  std::future<StartResult> result = started.get_future();
  {
    std::lock_guard<std::mutex> lock(closing_);
    if (state_->closing.load(std::memory_order_relaxed)) throw std::logic_error("already closed");
    // The thread keeps the state itself, for the engine may be released on it.
    thread_ = std::thread([state = state_, started = std::move(started)]() mutable {
      block_signals();
      name_thread("annulus-ring");
      ask_for_short_slices();
      RingLoop loop(*state);
      try {
        started.set_value(loop.open());
      } catch (...) {
        started.set_exception(std::current_exception());
        return;
      }
      loop.run();
    });
  }
  const StartResult outcome = result.get();
  state_->accepting.store(true, std::memory_order_release);
  return outcome;
}

bool Engine::score_cached(const annulus_score_request *request, std::vector<uint32_t> &missed) {
  const uint64_t slots = this->slots();
  for (size_t i = 0; i < request->n; ++i) {
    if (request->slots[i] >= slots) return false;  // submit says which
  }
  const Visit visit(*state_);
  return visit.admitted() && state_->cache.score(*request, slots, missed);
}

void Engine::submit(Request *request) {
  if (request->n == 0) return finish(request, ANNULUS_OK);
  const uint64_t slots = this->slots();
  for (size_t i = 0; i < request->n; ++i) {
    if (request->slots[i] >= slots) return finish(request, ANNULUS_OUT_OF_RANGE, request->slots[i]);
  }
  if (!hand_over(request)) finish(request, ANNULUS_CLOSED);
}

// Over before `done` can be called by the caller, who may release the engine there.
bool Engine::hand_over(Request *request) {
  const Visit visit(*state_);
  if (!visit.admitted() || !state_->inbox.push(request)) return false;
  // The request may be done and gone from here on.
  if (state_->asleep.load(std::memory_order_seq_cst)) wake();
  return true;
}

void Engine::wake() {
  if (state_->asleep.exchange(false, std::memory_order_seq_cst))
    state_->queue.load(std::memory_order_acquire)->wake();
}

void Engine::stop() {
  state_->stopping.store(true, std::memory_order_seq_cst);
  wake();
}

void Engine::close() {
  std::lock_guard<std::mutex> lock(closing_);
  state_->accepting.store(false);
  state_->closing.store(true, std::memory_order_seq_cst);
  if (thread_.joinable()) {
    wake();
    if (thread_.get_id() == std::this_thread::get_id()) {
      thread_.detach();  // released by a `done`: the thread holds the state and ends by itself
      return;            // and closes the files with it
    }
    thread_.join();
  }
  // Visits are short: they wake a thread, or score vectors in memory.
  while (state_->visitors.load() != 0) std::this_thread::yield();
  state_->asleep.store(false);
  state_->drop_queues();
  state_->segments.close();
}

void Engine::release() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

}  // namespace annulus::uring

#endif
