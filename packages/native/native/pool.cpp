#include "pool.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace annulus {

namespace {
// Of the workers, above the niceness of the process.
[[maybe_unused]] constexpr int kNiceness = 5;

// While foreground jobs wait, a background job has its turn after so many of them: building goes on
// under any load, and costs searches about a tenth (a slice is 0.2 ms, a search 0.1 ms or so).
constexpr uint32_t kForegroundTurns = 16;
// After a foreground job one worker stays free of background jobs for so long, for the next one.
constexpr auto kForegroundRecent = std::chrono::milliseconds(10);

struct Job {
  void (*run)(void *, uint32_t);
  void *ctx;
};

// Workers may use all cores, but give way at once to the event loop, which is what must not wait.
void give_way() {
#if defined(__linux__)
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  const int now = getpriority(PRIO_PROCESS, thread);
  setpriority(PRIO_PROCESS, thread, now + kNiceness);
#endif
}
}  // namespace

// Shared by the pool and its threads, so that a worker may drop the last reference to the pool.
struct Pool::State {
  std::mutex mutex;
  std::condition_variable ready;
  std::deque<Job> foreground;
  std::deque<Job> background;
  uint32_t in_background = 0;  // workers
  uint32_t passed_over = 0;    // foreground jobs taken while background jobs waited
  std::chrono::steady_clock::time_point foreground_at{};  // when the last one was taken
  uint32_t sleeping = 0;
  uint32_t alive = 0;
  bool closed = false;
  bool draining = false;  // a submitting thread acts as worker 0, because no worker is left
  std::vector<std::thread> workers;
  std::atomic<uint32_t> references{1};
  uint32_t threads = 0;

  void work(uint32_t worker) {
#if defined(__linux__)
    pthread_setname_np(pthread_self(), "annulus-pool");
#endif
    give_way();
    std::unique_lock<std::mutex> lock(mutex);
    for (;;) {
      run_queued(lock, worker);
      if (closed) break;
      ++sleeping;
      ready.wait(lock);
      --sleeping;
    }
    --alive;
  }

  // Whether one more worker may turn to background jobs when no foreground job waits.
  bool may_build() const {
    if (draining || in_background == 0 || in_background + 1 < alive) return true;
    return std::chrono::steady_clock::now() - foreground_at > kForegroundRecent;
  }

  // The queue of the next job; null when there is none to run now.
  std::deque<Job> *next_queue() {
    if (background.empty()) return foreground.empty() ? nullptr : &foreground;
    if (foreground.empty()) return may_build() ? &background : nullptr;
    return ++passed_over > kForegroundTurns && in_background == 0 ? &background : &foreground;
  }

  // Returns, locked, when there is nothing to run now. Background jobs that have to wait for a
  // worker are taken up by the one that is at theirs.
  void run_queued(std::unique_lock<std::mutex> &lock, uint32_t worker) {
    while (std::deque<Job> *queue = next_queue()) {
      const Job job = queue->front();
      queue->pop_front();
      const bool building = queue == &background;
      if (building) {
        passed_over = 0;
        ++in_background;
      } else {
        foreground_at = std::chrono::steady_clock::now();
      }
      // Whoever slept because too many were building may be able to now.
      if (sleeping > 0 && !background.empty() && may_build()) ready.notify_one();
      lock.unlock();
      job.run(job.ctx, worker);
      lock.lock();
      in_background -= building ? 1 : 0;
    }
  }
};

Pool *Pool::create(uint32_t threads) { return new Pool(threads < 1 ? 1 : threads); }

Pool::Pool(uint32_t threads) : state_(std::make_shared<State>()) {
  state_->workers.reserve(threads);
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    for (uint32_t worker = 0; worker < threads; ++worker) {
      try {
        state_->workers.emplace_back([state = state_, worker] { state->work(worker); });
      } catch (const std::system_error &) {
        if (worker == 0) throw;
        break;
      }
      state_->threads = state_->alive = worker + 1;
    }
  }
  table_ = {{ANNULUS_ABI_MAGIC, ANNULUS_KIND_POOL, sizeof(annulus_pool), ANNULUS_ABI_VERSION},
            this,
            &Pool::retain,
            &Pool::release,
            &Pool::threads,
            &Pool::submit};
}

// Whoever submits a job holds a reference until it has run, so nothing is queued here any more.
Pool::~Pool() {
  close();
  for (std::thread &worker : state_->workers) {
    if (worker.get_id() == std::this_thread::get_id()) {
      worker.detach();  // it holds the state itself and ends when its job does
    } else {
      worker.join();
    }
  }
}

void Pool::close() {
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    state_->closed = true;
  }
  state_->ready.notify_all();
}

void Pool::retain(void *self) {
  static_cast<Pool *>(self)->state_->references.fetch_add(1, std::memory_order_relaxed);
}

void Pool::release(void *self) {
  auto *pool = static_cast<Pool *>(self);
  if (pool->state_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete pool;
}

uint32_t Pool::threads(void *self) { return static_cast<Pool *>(self)->state_->threads; }

void Pool::submit(void *self, void (*run)(void *, uint32_t), void *ctx,
                  int32_t background) noexcept {
  // The job may drop the last reference to the pool.
  const std::shared_ptr<State> state = static_cast<Pool *>(self)->state_;
  std::unique_lock<std::mutex> lock(state->mutex);
  (background != 0 ? state->background : state->foreground).push_back({run, ctx});
  if (state->alive > 0) {
    if (state->sleeping > 0 && (background == 0 || state->may_build())) state->ready.notify_one();
  } else if (!state->draining) {
    state->draining = true;
    state->run_queued(lock, 0);
    state->draining = false;
  }
}

}  // namespace annulus
