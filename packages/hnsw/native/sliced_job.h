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

  /// Works until the end, or until the job has taken `allowance_ns` of CPU time on all threads (0:
  /// no bound; a lane ends its slice first). `abort` is read until `done`; `progress` (may be NULL)
  /// is the job's to count in. After `done` what is `left` goes on with another call.
  void start(const int32_t *abort, uint32_t *progress, uint64_t allowance_ns, Done done, void *ctx);
  /// After `done`: whether the allowance ended before the work did.
  bool left() const;
  /// CPU time taken since `start`, on all threads.
  uint64_t spent_ns() const { return spent_ns_.load(std::memory_order_acquire); }
  int32_t status() const { return status_.load(std::memory_order_acquire); }

 protected:
  /// A run of slices on one worker at a time.
  struct Lane : Gate::Ticket {
    SlicedJob *job = nullptr;
    /// Others wait for what this lane does next, so it goes first.
    bool urgent = false;
    /// It has something to do in the next call of `start`.
    bool left = false;
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
  After timed_slice(Lane &lane);
  bool allowed() const { return allowance_ns_ == 0 || spent_ns() < allowance_ns_; }
  bool background(const Lane &lane) const { return background_ && !lane.urgent; }
  void finish_lane();

  const Held<annulus_pool> pool_;
  const bool background_;
  std::vector<Lane> lanes_;
  const int32_t *abort_ = nullptr;
  uint32_t *progress_ = nullptr;
  Done done_ = nullptr;
  void *ctx_ = nullptr;
  uint64_t allowance_ns_ = 0;
  std::atomic<uint64_t> spent_ns_{0};
  std::atomic<uint32_t> running_{0};  // lanes, until they finish or are left
  std::atomic<int32_t> status_{ANNULUS_OK};
};

}  // namespace annulus::hnsw
