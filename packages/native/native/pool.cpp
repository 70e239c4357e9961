#include "pool.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace annulus {

namespace {
struct Job {
  void (*run)(void *, uint32_t);
  void *ctx;
};
}  // namespace

// Shared by the pool and its threads, so that a worker may drop the last reference to the pool.
struct Pool::State {
  std::mutex mutex;
  std::condition_variable ready;
  std::deque<Job> foreground;
  std::deque<Job> background;
  uint32_t sleeping = 0;
  bool closed = false;
  std::vector<std::thread> workers;
  std::atomic<uint32_t> references{1};
  uint32_t threads = 0;

  void work(uint32_t worker) {
    std::unique_lock<std::mutex> lock(mutex);
    for (;;) {
      std::deque<Job> &queue = foreground.empty() ? background : foreground;
      if (queue.empty()) {
        if (closed) return;
        ++sleeping;
        ready.wait(lock);
        --sleeping;
        continue;
      }
      const Job job = queue.front();
      queue.pop_front();
      lock.unlock();
      job.run(job.ctx, worker);
      lock.lock();
    }
  }
};

Pool *Pool::create(uint32_t threads) { return new Pool(threads < 1 ? 1 : threads); }

Pool::Pool(uint32_t threads) : state_(std::make_shared<State>()) {
  state_->threads = threads;
  for (uint32_t worker = 0; worker < threads; ++worker) {
    state_->workers.emplace_back([state = state_, worker] { state->work(worker); });
  }
  table_ = {{ANNULUS_ABI_MAGIC, ANNULUS_KIND_POOL, sizeof(annulus_pool), ANNULUS_ABI_VERSION},
            this, &Pool::retain, &Pool::release, &Pool::threads, &Pool::submit};
}

Pool::~Pool() { close(); }

void Pool::close() {
  std::vector<std::thread> workers;
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    state_->closed = true;
    workers.swap(state_->workers);
  }
  state_->ready.notify_all();
  for (std::thread &worker : workers) {
    if (worker.get_id() == std::this_thread::get_id()) {
      worker.detach();  // it holds the state itself and ends when its job does
    } else {
      worker.join();
    }
  }
}

void Pool::retain(void *self) {
  static_cast<Pool *>(self)->state_->references.fetch_add(1, std::memory_order_relaxed);
}

void Pool::release(void *self) {
  auto *pool = static_cast<Pool *>(self);
  if (pool->state_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete pool;
}

uint32_t Pool::threads(void *self) { return static_cast<Pool *>(self)->state_->threads; }

void Pool::submit(void *self, void (*run)(void *, uint32_t), void *ctx, int32_t background) {
  State &state = *static_cast<Pool *>(self)->state_;
  {
    std::lock_guard<std::mutex> lock(state.mutex);
    if (!state.closed) {
      (background != 0 ? state.background : state.foreground).push_back({run, ctx});
      if (state.sleeping > 0) state.ready.notify_one();
      return;
    }
  }
  run(ctx, 0);
}

}  // namespace annulus
