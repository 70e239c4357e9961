// The front of the storage: takes requests on any thread and gives them to the ring thread.
//
// Reference-counted, because other addons hold it as an `annulus_reader`. Closing waits for reads
// in flight, whose buffers are the kernel's until then.
#pragma once

#include <annulus/abi.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine_state.h"

namespace annulus::uring {

class Engine {
 public:
  /// One reference, the caller's. `ops` and `maps` are the kernel, or a test's idea of it; without
  /// `maps` nothing is mapped. Throws std::bad_alloc.
  static Engine *create(const EngineOptions &options, std::unique_ptr<RingOps> ops,
                        std::unique_ptr<MapOps> maps);

  /// Starts the ring thread and waits until its ring, or the fallback, is set up; once. Blocks for
  /// about a millisecond. Throws std::system_error or std::bad_alloc when not even that works, and
  /// std::logic_error after `close`.
  StartResult start();

  SegmentTable &segments() { return state_->segments; }
  /// The errno after which the ring gave way to the fallback; 0 while it serves.
  int broken() const { return state_->broken.load(std::memory_order_relaxed); }
  const Counters &counters() const { return state_->counters; }
  void set_slots(uint64_t slots) { state_->slots.store(slots, std::memory_order_release); }
  uint64_t slots() const { return state_->slots.load(std::memory_order_acquire); }
  /// Bracket the writing of slots that were written before (ascending), so that a reader that meets
  /// half of it reads again instead of reporting damage, and no later request joins an earlier
  /// read.
  void begin_rewrite(const uint32_t *slots, size_t n) {
    state_->rewrites.begin(slots, n);
    state_->hot.drop(slots, n);
  }
  void end_rewrite() { state_->rewrites.end(); }

  /// Scores what is in memory; `missed` gets the indexes of the rest. False: nothing was tried.
  /// Not for the event loop. Throws std::bad_alloc.
  bool score_cached(const annulus_score_request *request, std::vector<uint32_t> &missed);
  const CachePass &cache() const { return state_->cache; }

  /// Where `direct` is automatic: whether the vectors now fit into the memory that is free.
  void expect_fit(bool fit) { state_->fill.expect(fit); }
  const CacheFill &fill() const { return state_->fill; }
  /// Whether reads go past the page cache.
  bool direct() const { return state_->direct(); }

  /// Any thread. `request->done` is called exactly once, whatever happens.
  void submit(Request *request);

  /// Requests not yet begun end as closed, begun ones start no further reads. Any thread.
  void stop();
  /// Lets accepted requests finish, then ends the thread and closes the files. Any thread, any
  /// number of times. Afterwards nothing that `addSegment` was given is looked at.
  void close();

  /// Keeps `self` in its `self`.
  const annulus_reader &reader() const { return reader_; }
  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void release();

 private:
  Engine(const EngineOptions &options, std::unique_ptr<RingOps> ops, std::unique_ptr<MapOps> maps);
  ~Engine() { close(); }
  bool hand_over(Request *request);
  void wake();

  const std::shared_ptr<EngineState> state_;
  std::atomic<uint32_t> references_{1};
  annulus_reader reader_{};
  std::mutex closing_;
  std::thread thread_;
};

}  // namespace annulus::uring
