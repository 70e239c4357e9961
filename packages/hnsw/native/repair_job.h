// A repair (repair.h) over the worker pool, always behind searches. One at a time for a graph.
#pragma once

#include "sliced_job.h"

namespace annulus::hnsw {

class RepairJob : public SlicedJob {
 public:
  /// Of `progress`, field 0 counts the slots looked at and field 1 is how many there are. May throw
  /// std::bad_alloc.
  RepairJob(std::shared_ptr<Graph> graph, const annulus_pool &pool)
      : SlicedJob(std::move(graph), pool, true) {}

  /// After `done` without failure (else nothing was freed): the slots that were freed, ascending.
  /// No search or insertion that began before knows them any more.
  std::vector<uint32_t> take_freed();
  /// Nodes whose links were rewritten.
  uint64_t relinked() const { return relinked_.load(std::memory_order_acquire); }

 private:
  enum class Phase { begin, rehang, relink, outlast, free };

  After slice(Lane &lane) override;
  After slice_alone(Lane &lane);
  After slice_relink(Lane &lane);
  After step_alone();
  template <typename Step>
  bool each(Step step);
  After outlast(Lane &lane);

  // Written by the one lane that runs outside of `relink`.
  Phase phase_ = Phase::begin;
  std::vector<uint32_t> leaving_;
  size_t at_ = 0;  // of `leaving_`, in the present phase
  uint64_t end_ = 0;
  std::atomic<uint64_t> next_{0};
  std::atomic<uint64_t> relinked_{0};
  std::atomic<uint32_t> relinking_{0};  // lanes
};

}  // namespace annulus::hnsw
