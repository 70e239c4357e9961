#include "sliced_job.h"

#include <algorithm>
#include <ctime>

namespace annulus::hnsw {

namespace {

constexpr auto kSlice = std::chrono::microseconds(200);

// A closed pool runs a submitted job at once on the submitting thread; a lane resubmitting itself
// would then nest without end. Inside `submit` this names the lane, and the nested run only leaves
// a note.
struct Submitting {
  const void *lane = nullptr;
  bool ran_inside = false;
};
thread_local Submitting submitting;

// CPU time of the calling thread: waiting for a core costs nobody anything.
uint64_t thread_cpu_ns() {
#if defined(CLOCK_THREAD_CPUTIME_ID)
  timespec now;
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0) {
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
  }
#endif
  const auto now_ns = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(now_ns).count());
}

}  // namespace

SlicedJob::SlicedJob(std::shared_ptr<Graph> graph, const annulus_pool &pool, bool background)
    : graph_(std::move(graph)),
      pool_(pool),
      background_(background),
      lanes_(pool.threads(pool.self)) {
  for (Lane &lane : lanes_) {
    lane.job = this;
    lane.resume = [](Gate::Ticket *ticket) {
      auto *self = static_cast<Lane *>(ticket);
      // Once submitted, lane and job may be gone before `submit` returns.
      const annulus_pool pool = *self->job->pool_;
      pool.submit(pool.self, run, self, self->job->background(*self));
    };
  }
  lanes_[0].left = true;
}

void SlicedJob::start(const int32_t *abort, uint32_t *progress, uint64_t allowance_ns, Done done,
                      void *ctx) {
  abort_ = abort;
  progress_ = progress;
  allowance_ns_ = allowance_ns;
  done_ = done;
  ctx_ = ctx;
  spent_ns_.store(0, std::memory_order_relaxed);
  const auto waits = [](const Lane &lane) { return lane.left; };
  auto waiting = static_cast<uint32_t>(std::count_if(lanes_.begin(), lanes_.end(), waits));
  running_.store(waiting, std::memory_order_release);
  // The last one submitted may be the end of the job.
  const annulus_pool pool = *pool_;
  for (Lane *lane = lanes_.data(); waiting > 0; ++lane) {
    if (!lane->left) continue;
    lane->left = false;
    --waiting;
    pool.submit(pool.self, run, lane, background(*lane));
  }
}

bool SlicedJob::left() const {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const Lane &lane) { return lane.left; });
}

void SlicedJob::run(void *ctx, uint32_t) {
  auto *lane = static_cast<Lane *>(ctx);
  if (submitting.lane == lane) {
    submitting.ran_inside = true;
    return;
  }
  SlicedJob *job = lane->job;
  for (bool again = true; again;) {
    const After after = job->timed_slice(*lane);
    if (after == After::paused) return;
    if (after == After::finished || !job->allowed()) {
      lane->left = after == After::more;
      job->finish_lane();
      return;
    }
    const annulus_pool pool = *job->pool_;
    const Submitting outer = submitting;
    submitting = {lane, false};
    pool.submit(pool.self, run, lane, job->background(*lane));
    again = submitting.ran_inside;
    submitting = outer;
  }
}

SlicedJob::After SlicedJob::timed_slice(Lane &lane) {
  const uint64_t start = thread_cpu_ns();
  const After after = slice(lane);
  // What is paused may go on elsewhere already, and the job may be gone.
  if (after != After::paused) {
    spent_ns_.fetch_add(thread_cpu_ns() - start, std::memory_order_acq_rel);
  }
  return after;
}

void SlicedJob::start_others() {
  const uint32_t more = lanes() - 1;
  running_.fetch_add(more, std::memory_order_acq_rel);
  for (uint32_t i = 1; i <= more; ++i) {
    pool_->submit(pool_->self, run, &lanes_[i], background(lanes_[i]));
  }
}

void SlicedJob::finish_lane() {
  if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) done_(this, ctx_);
}

void SlicedJob::fail(int32_t status) {
  int32_t none = ANNULUS_OK;
  status_.compare_exchange_strong(none, status, std::memory_order_acq_rel);
}

bool SlicedJob::over() {
  if (abort_ != nullptr && __atomic_load_n(abort_, __ATOMIC_RELAXED) != 0) fail(ANNULUS_ABORTED);
  if (graph_->closing.load(std::memory_order_acquire)) fail(ANNULUS_CLOSED);
  return status() != ANNULUS_OK;
}

void SlicedJob::report(uint32_t field, uint64_t value) const {
  if (progress_ == nullptr) return;
  __atomic_store_n(progress_ + field, static_cast<uint32_t>(value), __ATOMIC_RELAXED);
}

std::chrono::steady_clock::time_point SlicedJob::slice_end() {
  return std::chrono::steady_clock::now() + kSlice;
}

}  // namespace annulus::hnsw
