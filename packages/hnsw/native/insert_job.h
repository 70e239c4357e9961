// Many insertions over the worker pool.
#pragma once

#include "insert.h"
#include "sliced_job.h"

namespace annulus::hnsw {

class InsertJob : public SlicedJob {
 public:
  /// All slots have room (`nodes.reserve`) and codes. They are inserted in order by one thread, or
  /// nearly in order by several; `progress` counts those done. May throw std::bad_alloc.
  InsertJob(std::shared_ptr<Graph> graph, const annulus_pool &pool, std::vector<uint32_t> slots,
            bool background, Shown shown = Shown::at_once);

  uint64_t completed() const { return completed_.load(std::memory_order_acquire); }

 private:
  After slice(Lane &lane) override;
  bool insert_next(Scratch &scratch);
  void widen();

  const std::vector<uint32_t> slots_;
  const Shown shown_;
  std::atomic<size_t> next_{0};
  std::atomic<uint64_t> completed_{0};
  std::atomic<bool> widened_{false};
};

}  // namespace annulus::hnsw
