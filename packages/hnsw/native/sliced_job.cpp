#include "sliced_job.h"

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
}

void SlicedJob::start(const int32_t *abort, uint32_t *progress, Done done, void *ctx) {
  abort_ = abort;
  progress_ = progress;
  done_ = done;
  ctx_ = ctx;
  pool_->submit(pool_->self, run, &lanes_[0], background(lanes_[0]));
}

void SlicedJob::run(void *ctx, uint32_t) {
  auto *lane = static_cast<Lane *>(ctx);
  if (submitting.lane == lane) {
    submitting.ran_inside = true;
    return;
  }
  SlicedJob *job = lane->job;
  for (bool again = true; again;) {
    const After after = job->slice(*lane);
    if (after == After::finished) job->finish_lane();
    if (after != After::more) return;
    const annulus_pool pool = *job->pool_;
    const Submitting outer = submitting;
    submitting = {lane, false};
    pool.submit(pool.self, run, lane, job->background(*lane));
    again = submitting.ran_inside;
    submitting = outer;
  }
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
