#include "insert_job.h"

#include <chrono>

#include "insert.h"

namespace annulus::hnsw {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kSlice = std::chrono::microseconds(500);

// Below this many nodes one thread builds: nodes inserted at the same time do not see each other,
// which matters while they are a good part of the graph.
constexpr uint64_t kSerialNodes = 512;

// A closed pool runs a submitted job at once on the submitting thread; a lane resubmitting itself
// would then nest without end. Inside `submit` this names the lane, and the nested run only leaves
// a note.
struct Submitting {
  const void *lane = nullptr;
  bool ran_inside = false;
};
thread_local Submitting submitting;

}  // namespace

InsertJob::InsertJob(std::shared_ptr<Graph> graph, const annulus_pool &pool,
                     std::vector<uint32_t> slots, bool background)
    : graph_(std::move(graph)),
      pool_(pool),
      slots_(std::move(slots)),
      background_(background),
      lanes_(pool.threads(pool.self)) {
  for (Lane &lane : lanes_) {
    lane.job = this;
    lane.resume = [](Gate::Ticket *ticket) {
      auto *self = static_cast<Lane *>(ticket);
      self->job->pool_->submit(self->job->pool_->self, run, self, self->job->background_);
    };
  }
}

void InsertJob::start(const int32_t *abort, uint32_t *progress, Done done, void *ctx) {
  abort_ = abort;
  progress_ = progress;
  done_ = done;
  ctx_ = ctx;
  pool_->submit(pool_->self, run, &lanes_[0], background_);
}

void InsertJob::run(void *ctx, uint32_t) {
  auto *lane = static_cast<Lane *>(ctx);
  if (submitting.lane == lane) {
    submitting.ran_inside = true;
    return;
  }
  InsertJob *job = lane->job;
  for (bool again = true; again;) {
    const After after = job->slice(lane);
    if (after == After::finished) job->finish_lane();
    if (after != After::more) return;
    // Once submitted, lane and job may be gone before `submit` returns.
    const annulus_pool pool = *job->pool_;
    const Submitting outer = submitting;
    submitting = {lane, false};
    pool.submit(pool.self, run, lane, job->background_);
    again = submitting.ran_inside;
    submitting = outer;
  }
}

InsertJob::After InsertJob::slice(Lane *lane) {
  if (!graph_->gate.enter(lane)) return After::paused;
  bool more = false;
  try {
    ScratchLease scratch(graph_->scratches);
    const auto end = Clock::now() + kSlice;
    do {
      more = insert_next(*scratch);
    } while (more && Clock::now() < end);
  } catch (const std::bad_alloc &) {
    fail(ANNULUS_OUT_OF_MEMORY);
    more = false;
  }
  graph_->gate.leave();
  if (more) widen();
  return more ? After::more : After::finished;
}

bool InsertJob::insert_next(Scratch &scratch) {
  if (abort_ != nullptr && __atomic_load_n(abort_, __ATOMIC_RELAXED) != 0) fail(ANNULUS_ABORTED);
  if (graph_->closing.load(std::memory_order_acquire)) fail(ANNULUS_CLOSED);
  if (status() != ANNULUS_OK) return false;
  const size_t at = next_.fetch_add(1, std::memory_order_relaxed);
  if (at >= slots_.size()) return false;
  const int32_t status = insert_node(*graph_, slots_[at], scratch);
  if (status != ANNULUS_OK) {
    fail(status);
    return false;
  }
  const uint64_t done = completed_.fetch_add(1, std::memory_order_acq_rel) + 1;
  if (progress_ != nullptr) {
    __atomic_store_n(progress_, static_cast<uint32_t>(done), __ATOMIC_RELAXED);
  }
  return true;
}

// Puts the other lanes to work, once.
void InsertJob::widen() {
  if (lanes_.size() == 1 || graph_->linked.load(std::memory_order_relaxed) < kSerialNodes) return;
  if (widened_.exchange(true, std::memory_order_acq_rel)) return;
  const auto more = static_cast<uint32_t>(lanes_.size() - 1);
  running_.fetch_add(more, std::memory_order_acq_rel);
  for (uint32_t i = 1; i <= more; ++i) {
    pool_->submit(pool_->self, run, &lanes_[i], background_);
  }
}

void InsertJob::finish_lane() {
  if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) done_(this, ctx_);
}

void InsertJob::fail(int32_t status) {
  int32_t none = ANNULUS_OK;
  status_.compare_exchange_strong(none, status, std::memory_order_acq_rel);
}

}  // namespace annulus::hnsw
