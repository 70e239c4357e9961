// Long work over the worker pool, in slices of about 0.2 ms, so that searches queued
// meanwhile wait no longer than that.
//
// Lifetime: the job belongs to its owner until `done` was called, exactly once, on any thread.
#pragma once

#include <annulus/held.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include "gate.h"
#include "graph.h"

namespace annulus::hnsw {

class SlicedJob {
 public:
  using Done = void (*)(SlicedJob *job, void *ctx);

  virtual ~SlicedJob() = default;
  SlicedJob(const SlicedJob &) = delete;
  SlicedJob &operator=(const SlicedJob &) = delete;

  /// `abort` is read until `done`; `progress` (may be NULL) is the job's to count in.
  void start(const int32_t *abort, uint32_t *progress, Done done, void *ctx);
  int32_t status() const { return status_.load(std::memory_order_acquire); }

 protected:
  /// A run of slices on one worker at a time.
  struct Lane : Gate::Ticket {
    SlicedJob *job = nullptr;
    /// Others wait for what this lane does next, so it goes first.
    bool urgent = false;
  };
  /// `paused`: the lane's ticket was left somewhere and will be resumed.
  enum class After { more, paused, finished };

  /// May throw std::bad_alloc.
  SlicedJob(std::shared_ptr<Graph> graph, const annulus_pool &pool, bool background);

  /// Does a little. Whatever it throws must not get out.
  virtual After slice(Lane &lane) = 0;

  /// Puts the lanes other than the first to work.
  void start_others();
  uint32_t lanes() const { return static_cast<uint32_t>(lanes_.size()); }
  /// The first failure stays.
  void fail(int32_t status);
  /// Whether to end: after a failure, an abort, or when the graph closes.
  bool over();
  void report(uint32_t field, uint64_t value) const;
  static std::chrono::steady_clock::time_point slice_end();

  const std::shared_ptr<Graph> graph_;

 private:
  static void run(void *lane, uint32_t worker);
  bool background(const Lane &lane) const { return background_ && !lane.urgent; }
  void finish_lane();

  const Held<annulus_pool> pool_;
  const bool background_;
  std::vector<Lane> lanes_;
  const int32_t *abort_ = nullptr;
  uint32_t *progress_ = nullptr;
  Done done_ = nullptr;
  void *ctx_ = nullptr;
  std::atomic<uint32_t> running_{1};  // lanes not yet finished
  std::atomic<int32_t> status_{ANNULUS_OK};
};

}  // namespace annulus::hnsw
