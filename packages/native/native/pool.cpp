#include "pool.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "patience.h"

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace annulus {

namespace {
// Above the niceness of the process. Ordinary workers may use all cores, but give way at once to
// the event loop, which is what must not wait.
[[maybe_unused]] constexpr int kNiceness = 5;
// Searches are taken to go on for so long after the last one.
constexpr auto kForegroundRecent = std::chrono::milliseconds(10);

// Building goes on under any load. Where spare workers got no core for so long, a worker takes one
// background job (a slice is 0.2 ms: 4 % of a core); without spare workers, after so many
// foreground jobs while both kinds wait (a search is 0.1 ms or so).
constexpr auto kBackgroundRest = std::chrono::milliseconds(5);
constexpr uint32_t kForegroundTurns = 16;

// How long a worker looks for the next search before it sleeps. One caller after another comes back
// within 20 to 30 µs; to be woken from an idle core takes as long again.
constexpr auto kLookout = std::chrono::microseconds(50);

struct Job {
  void (*run)(void *, uint32_t);
  void *ctx;
};

void give_way() {
#if defined(__linux__)
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  const int now = getpriority(PRIO_PROCESS, thread);
  setpriority(PRIO_PROCESS, thread, now + kNiceness);
#endif
}

// Has the calling thread run only where a core would be idle, and stop at once when anybody else
// wants it. Niceness would not do: a nice thread is not stopped within its slice of 3 ms. False
// where that cannot be had.
bool run_when_idle() {
#if defined(__linux__)
  const sched_param none{};
  return pthread_setschedparam(pthread_self(), SCHED_IDLE, &none) == 0;
#else
  return false;
#endif
}
}  // namespace

// Shared by the pool and its threads, so that a worker may drop the last reference to the pool.
struct Pool::State {
  std::mutex mutex;
  std::condition_variable ready;
  std::condition_variable spare_ready;
  std::deque<Job> foreground;
  std::deque<Job> background;
  uint32_t in_background = 0;  // workers
  uint32_t passed_over = 0;    // foreground jobs taken while background jobs waited
  // When the last one was taken, or the first one put there.
  std::chrono::steady_clock::time_point foreground_at{};
  std::chrono::steady_clock::time_point background_at{};
  uint32_t sleeping = 0;
  uint32_t looking = 0;  // neither asleep nor at a job
  uint32_t alive = 0;
  uint32_t spares = 0;
  uint32_t in_spares = 0;  // spare workers that are building
  std::atomic<uint32_t> jobs{0};
  Patience patience;
  std::atomic<uint32_t> news{0};  // changes with every foreground job; for those who look
  bool closed = false;
  bool draining = false;  // a submitting thread acts as worker 0, because no worker is left
  std::vector<std::thread> workers;
  std::atomic<uint32_t> references{1};
  uint32_t threads = 0;
  uint32_t cores = 1;

  void work(uint32_t worker) {
    begin("annulus-pool");
    give_way();
    std::unique_lock<std::mutex> lock(mutex);
    for (;;) {
      const bool served = run_queued(lock, worker);
      if (closed) break;
      wake_builder();
      if (served && look_out(lock)) continue;
      ++sleeping;
      if (background.empty()) {
        ready.wait(lock);
      } else {
        ready.wait_for(lock, kBackgroundRest);  // nobody may have been free to wake
      }
      --sleeping;
    }
    --alive;
  }

  // Looks for the next search instead of sleeping, where a core would be idle otherwise. False, and
  // still locked throughout, when that is not to be tried.
  bool look_out(std::unique_lock<std::mutex> &lock) {
    if (!has_idle_core() || !patience.worth_looking()) return false;
    const uint32_t seen = news.load(std::memory_order_relaxed);
    ++looking;
    lock.unlock();
    const bool came = look_for_change(news, seen, kLookout);
    lock.lock();
    --looking;
    came ? patience.came() : patience.was_in_vain();
    return true;
  }

  // One core is the event loop's, one each of the workers' who are awake, of whom the caller is
  // one.
  bool has_idle_core() const {
    if (!background.empty() || in_background + in_spares > 0) return false;
    return 1 + alive - sleeping <= cores;
  }

  // A spare worker builds while searches go on. Without them it leaves everything to the others.
  void work_spare(uint32_t worker) {
    begin("annulus-spare");
    const bool yields = run_when_idle();
    std::unique_lock<std::mutex> lock(mutex);
    while (yields && !closed) {
      if (background.empty() || may_build()) {
        wake_builder();
        spare_ready.wait(lock);
        continue;
      }
      background_at = std::chrono::steady_clock::now();
      ++in_spares;
      run(lock, take(background), worker);
      --in_spares;
    }
    --spares;
    wake_builder();
  }

  static void begin([[maybe_unused]] const char *name) {
#if defined(__linux__)
    pthread_setname_np(pthread_self(), name);
#endif
  }

  // Whether one more worker may turn to background jobs when no foreground job waits.
  bool may_build() const {
    if (draining || closed) return true;
    if (spares == 0 && (in_background == 0 || in_background + 1 < alive)) return true;
    return std::chrono::steady_clock::now() - foreground_at > kForegroundRecent;
  }

  // Workers that are awake look for background jobs by themselves. To be called by whoever leaves
  // one to others.
  void wake_builder() {
    if (background.empty()) return;
    if (!may_build()) {
      spare_ready.notify_one();
    } else if (sleeping > 0) {
      ready.notify_one();
    }
  }

  // Whether background jobs have waited for long enough beside foreground jobs.
  bool is_overdue() {
    if (in_background > 0) return false;
    if (spares == 0) return ++passed_over > kForegroundTurns;
    return std::chrono::steady_clock::now() - background_at > kBackgroundRest;
  }

  // The queue of the next job; null when there is none to run now.
  std::deque<Job> *next_queue() {
    if (background.empty()) return foreground.empty() ? nullptr : &foreground;
    if (foreground.empty()) return may_build() || is_overdue() ? &background : nullptr;
    return is_overdue() ? &background : &foreground;
  }

  static Job take(std::deque<Job> &queue) {
    const Job job = queue.front();
    queue.pop_front();
    return job;
  }

  void run(std::unique_lock<std::mutex> &lock, Job job, uint32_t worker) {
    lock.unlock();
    job.run(job.ctx, worker);
    jobs.fetch_sub(1, std::memory_order_relaxed);
    lock.lock();
  }

  // Returns, locked, when there is nothing to run now: whether the last job was of the foreground.
  // Background jobs that have to wait for a worker are taken up by the one that is at theirs.
  bool run_queued(std::unique_lock<std::mutex> &lock, uint32_t worker) {
    bool served = false;
    while (std::deque<Job> *queue = next_queue()) {
      const Job job = take(*queue);
      const bool building = queue == &background;
      served = !building;
      (building ? background_at : foreground_at) = std::chrono::steady_clock::now();
      if (building) {
        passed_over = 0;
        ++in_background;
      }
      wake_builder();
      run(lock, job, worker);
      in_background -= building ? 1 : 0;
    }
    return served;
  }
};

Pool *Pool::create(uint32_t threads, bool spares, uint32_t cores) {
  return new Pool(threads < 1 ? 1 : threads, spares, cores);
}

Pool::Pool(uint32_t threads, bool spares, uint32_t cores) : state_(std::make_shared<State>()) {
  state_->cores = cores;
  state_->workers.reserve(2 * threads);
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
    if (spares) start_spares();
  }
  table_ = {{ANNULUS_ABI_MAGIC, ANNULUS_KIND_POOL, sizeof(annulus_pool), ANNULUS_ABI_VERSION},
            this,
            &Pool::retain,
            &Pool::release,
            &Pool::threads,
            &Pool::submit,
            &Pool::jobs};
}

// Without any the workers do without.
void Pool::start_spares() {
#if defined(__linux__)
  const uint32_t threads = state_->threads;
  for (uint32_t worker = threads; worker < 2 * threads; ++worker) {
    try {
      state_->workers.emplace_back([state = state_, worker] { state->work_spare(worker); });
    } catch (const std::system_error &) {
      return;
    }
    ++state_->spares;
  }
#endif
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
  state_->news.fetch_add(1, std::memory_order_release);
  state_->ready.notify_all();
  state_->spare_ready.notify_all();
}

void Pool::retain(void *self) {
  static_cast<Pool *>(self)->state_->references.fetch_add(1, std::memory_order_relaxed);
}

void Pool::release(void *self) {
  auto *pool = static_cast<Pool *>(self);
  if (pool->state_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete pool;
}

uint32_t Pool::threads(void *self) { return static_cast<Pool *>(self)->state_->threads; }

uint32_t Pool::jobs(void *self) {
  return static_cast<Pool *>(self)->state_->jobs.load(std::memory_order_relaxed);
}

void Pool::submit(void *self, void (*run)(void *, uint32_t), void *ctx,
                  int32_t background) noexcept {
  // The job may drop the last reference to the pool.
  const std::shared_ptr<State> state = static_cast<Pool *>(self)->state_;
  std::unique_lock<std::mutex> lock(state->mutex);
  std::deque<Job> &queue = background != 0 ? state->background : state->foreground;
  if (background != 0 && queue.empty()) state->background_at = std::chrono::steady_clock::now();
  queue.push_back({run, ctx});
  state->jobs.fetch_add(1, std::memory_order_relaxed);
  if (state->alive > 0) {
    if (background != 0) return state->wake_builder();
    const bool wake = state->sleeping > 0 && queue.size() > state->looking;
    lock.unlock();
    // Whoever looks takes the lock next: told before, it would have to wait for it.
    state->news.fetch_add(1, std::memory_order_release);
    if (wake) state->ready.notify_one();
  } else if (!state->draining) {
    state->draining = true;
    state->run_queued(lock, 0);
    state->draining = false;
  }
}

}  // namespace annulus
