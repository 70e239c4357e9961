// Many insertions over the worker pool, in slices of about a millisecond, so that searches queued
// meanwhile wait no longer than that.
//
// Lifetime: the job belongs to its owner until `done` was called, exactly once, on any thread.
#pragma once

#include <annulus/held.h>

#include <atomic>
#include <memory>
#include <vector>

#include "gate.h"
#include "graph.h"

namespace annulus::hnsw {

class InsertJob {
 public:
  using Done = void (*)(InsertJob *job, void *ctx);

  /// All slots have room (`nodes.reserve`) and codes. They are inserted in order by one thread, or
  /// nearly in order by several. May throw std::bad_alloc.
  InsertJob(std::shared_ptr<Graph> graph, const annulus_pool &pool, std::vector<uint32_t> slots,
            bool background);

  /// `abort` is read until `done`; `progress` (may be NULL) counts the slots done.
  void start(const int32_t *abort, uint32_t *progress, Done done, void *ctx);

  int32_t status() const { return status_.load(std::memory_order_acquire); }
  uint64_t completed() const { return completed_.load(std::memory_order_acquire); }

 private:
  // A run of slices on one worker at a time.
  struct Lane : Gate::Ticket {
    InsertJob *job = nullptr;
  };
  enum class After { more, paused, finished };

  static void run(void *lane, uint32_t worker);
  After slice(Lane *lane);
  bool insert_next(Scratch &scratch);
  void widen();
  void finish_lane();
  void fail(int32_t status);

  const std::shared_ptr<Graph> graph_;
  const Held<annulus_pool> pool_;
  const std::vector<uint32_t> slots_;
  const bool background_;
  std::vector<Lane> lanes_;
  const int32_t *abort_ = nullptr;
  uint32_t *progress_ = nullptr;
  Done done_ = nullptr;
  void *ctx_ = nullptr;
  std::atomic<size_t> next_{0};
  std::atomic<uint64_t> completed_{0};
  std::atomic<uint32_t> running_{1};  // lanes not yet finished
  std::atomic<bool> widened_{false};
  std::atomic<int32_t> status_{ANNULUS_OK};
};

}  // namespace annulus::hnsw
