#include "repair_job.h"

#include <algorithm>

#include "repair.h"

namespace annulus::hnsw {

namespace {
constexpr uint64_t kRun = 64;  // slots taken at once; most need nothing when few nodes leave
}

SlicedJob::After RepairJob::slice(Lane &lane) {
  switch (phase_) {
    case Phase::relink:
      return slice_relink(lane);
    case Phase::outlast:
      return outlast(lane);
    default:
      return slice_alone(lane);
  }
}

// Entering comes before asking whether to end: the gate keeps others out until then.
SlicedJob::After RepairJob::slice_alone(Lane &lane) {
  lane.urgent = true;
  if (!graph_->gate.enter_alone(&lane)) return After::paused;
  lane.urgent = false;
  After after = After::finished;
  try {
    // Once nodes are freed the caller must learn of all.
    if (phase_ == Phase::free || !over()) after = step_alone();
  } catch (const std::bad_alloc &) {
    fail(ANNULUS_OUT_OF_MEMORY);
  }
  graph_->gate.leave();
  if (after == After::more && phase_ == Phase::relink && relinking_ == 0) {
    relinking_ = lanes();
    start_others();
  }
  return after;
}

SlicedJob::After RepairJob::step_alone() {
  if (phase_ == Phase::begin) {
    leaving_ = begin_repair(*graph_);
    end_ = graph_->nodes.reserved();
    report(1, end_);
    if (leaving_.empty()) report(0, end_);
    phase_ = Phase::rehang;
    return leaving_.empty() ? After::finished : After::more;
  }
  if (phase_ == Phase::free) {
    // All at once, some 0.1 us each: a snapshot in between would have leaving nodes point to free
    // ones.
    for (; at_ < leaving_.size(); ++at_) free_node(*graph_, leaving_[at_]);
    return After::finished;
  }
  ScratchLease scratch(graph_->scratches);
  if (each([&](uint32_t slot) { rehang(*graph_, slot, *scratch); })) {
    at_ = 0;
    phase_ = Phase::relink;
  }
  return After::more;
}

// One slice of the present phase over the leaving nodes; true after the last.
template <typename Step>
bool RepairJob::each(Step step) {
  const auto end = slice_end();
  while (at_ < leaving_.size() && std::chrono::steady_clock::now() < end) step(leaving_[at_++]);
  return at_ == leaving_.size();
}

SlicedJob::After RepairJob::slice_relink(Lane &lane) {
  if (!graph_->gate.enter(&lane)) return After::paused;
  uint64_t from = 0;
  try {
    ScratchLease scratch(graph_->scratches);
    const auto end = slice_end();
    do {
      from = over() ? end_ : next_.fetch_add(kRun, std::memory_order_relaxed);
      uint64_t changed = 0;
      for (uint64_t slot = from; slot < std::min(from + kRun, end_); ++slot) {
        changed += relink(*graph_, static_cast<uint32_t>(slot), *scratch);
      }
      relinked_.fetch_add(changed, std::memory_order_acq_rel);
      report(0, std::min(next_.load(std::memory_order_relaxed), end_));
    } while (from < end_ && std::chrono::steady_clock::now() < end);
  } catch (const std::bad_alloc &) {
    fail(ANNULUS_OUT_OF_MEMORY);
    from = end_;
  }
  graph_->gate.leave();
  if (from < end_) return After::more;
  // The last lane goes on alone.
  if (relinking_.fetch_sub(1, std::memory_order_acq_rel) > 1) return After::finished;
  if (status() != ANNULUS_OK) return After::finished;
  phase_ = Phase::outlast;
  return After::more;
}

SlicedJob::After RepairJob::outlast(Lane &lane) {
  phase_ = Phase::free;  // before the ticket is left: it may be resumed at once
  return graph_->scratches.outlast(&lane) ? After::more : After::paused;
}

std::vector<uint32_t> RepairJob::take_freed() {
  leaving_.resize(at_);
  return std::move(leaving_);
}

}  // namespace annulus::hnsw
