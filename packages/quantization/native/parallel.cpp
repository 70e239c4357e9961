#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <memory>
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

}  // namespace annulus
