#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace annulus {

namespace {

struct BackgroundRun;

struct Lane {
  std::shared_ptr<BackgroundRun> run;
  size_t index;
};

struct BackgroundRun {
  Held<annulus_pool> pool;
  size_t parts;
  const int32_t *abort;
  std::function<void(size_t, size_t)> work;
  std::function<void(RunEnd)> done;
  std::atomic<size_t> next{0};
  std::atomic<size_t> lanes_left{0};
  std::atomic<RunEnd> end{RunEnd::completed};

  bool stopped() const {
    return end.load(std::memory_order_relaxed) != RunEnd::completed ||
           (abort != nullptr && __atomic_load_n(abort, __ATOMIC_RELAXED) != 0);
  }

  // One part; false when there is nothing left for this lane.
  bool step(size_t lane) {
    const size_t part = next.fetch_add(1, std::memory_order_relaxed);
    if (part >= parts) return false;
    if (stopped()) {
      RunEnd expected = RunEnd::completed;
      end.compare_exchange_strong(expected, RunEnd::aborted);
      return false;
    }
    try {
      work(part, lane);
    } catch (const std::bad_alloc &) {
      end.store(RunEnd::out_of_memory);
      return false;
    }
    return part + 1 < parts;
  }

  void leave() {
    if (lanes_left.fetch_sub(1, std::memory_order_acq_rel) == 1) done(end.load());
  }
};

// A closed pool runs a job inside `submit`; this notices, so that a long run does not recurse.
struct Submission {
  Lane *lane;
  bool ran_inside;
};
thread_local Submission *current_submission = nullptr;

void run_lane(void *ctx, uint32_t) {
  auto *lane = static_cast<Lane *>(ctx);
  if (current_submission != nullptr && current_submission->lane == lane) {
    current_submission->ran_inside = true;
    return;
  }
  for (;;) {
    if (!lane->run->step(lane->index)) {
      const std::shared_ptr<BackgroundRun> run = std::move(lane->run);
      delete lane;
      run->leave();
      return;
    }
    // After `submit` the lane may be running, or gone, on another thread.
    const Held<annulus_pool> pool = lane->run->pool;
    Submission submission{lane, false};
    Submission *outer = current_submission;
    current_submission = &submission;
    pool->submit(pool->self, run_lane, lane, 1);
    current_submission = outer;
    if (!submission.ran_inside) return;
  }
}

}  // namespace

void run_background(const Held<annulus_pool> &pool, size_t parts, size_t lanes,
                    const int32_t *abort, std::function<void(size_t, size_t)> work,
                    std::function<void(RunEnd)> done) {
  auto run = std::make_shared<BackgroundRun>();
  run->pool = pool;
  run->parts = parts;
  run->abort = abort;
  run->work = std::move(work);
  run->done = std::move(done);
  const size_t count = std::max<size_t>(1, std::min(lanes, parts));
  run->lanes_left.store(count);
  std::vector<std::unique_ptr<Lane>> prepared;
  for (size_t i = 0; i < count; ++i) prepared.push_back(std::make_unique<Lane>(Lane{run, i}));
  for (std::unique_ptr<Lane> &lane : prepared) {
    pool->submit(pool->self, run_lane, lane.release(), 1);
  }
}

namespace {

// Shared with helpers that may start after the caller has returned; they then find no part left and
// never touch `work`.
struct Together {
  size_t parts;
  const std::function<void(size_t)> *work;
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::condition_variable all_ended;
  size_t ended = 0;

  void take_parts() {
    size_t mine = 0;
    for (;;) {
      const size_t part = next.fetch_add(1, std::memory_order_relaxed);
      if (part >= parts) break;
      (*work)(part);
      ++mine;
    }
    if (mine == 0) return;
    std::lock_guard<std::mutex> lock(mutex);
    ended += mine;
    if (ended == parts) all_ended.notify_all();
  }
};

void help(void *ctx, uint32_t) {
  const std::unique_ptr<std::shared_ptr<Together>> together(
      static_cast<std::shared_ptr<Together> *>(ctx));
  (*together)->take_parts();
}

}  // namespace

void run_together(const Held<annulus_pool> &pool, size_t parts,
                  const std::function<void(size_t)> &work) {
  if (parts == 0) return;
  std::shared_ptr<Together> together;
  size_t helpers = 0;
  if (parts > 1 && pool) {
    const size_t threads = pool->threads(pool->self);
    helpers = std::min<size_t>(parts, threads) - 1;
  }
  if (helpers == 0) {
    for (size_t part = 0; part < parts; ++part) work(part);
    return;
  }
  together = std::make_shared<Together>();
  together->parts = parts;
  together->work = &work;
  // Allocated before the first is submitted: nothing may throw once helpers can see `work`.
  std::vector<std::unique_ptr<std::shared_ptr<Together>>> prepared;
  for (size_t i = 0; i < helpers; ++i) {
    prepared.push_back(std::make_unique<std::shared_ptr<Together>>(together));
  }
  for (auto &helper : prepared) pool->submit(pool->self, help, helper.release(), 0);
  together->take_parts();
  std::unique_lock<std::mutex> lock(together->mutex);
  together->all_ended.wait(lock, [&] { return together->ended == together->parts; });
}

}  // namespace annulus
