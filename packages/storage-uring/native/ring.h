// The mechanics of one submission and one completion queue. Knows nothing of what is read or why.
//
// The subtle rule is memory order: the kernel may look at an entry once the tail is stored with
// release, and we may look at a completion once its tail was loaded with acquire; heads go the
// other way.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ring_ops.h"

namespace annulus::uring {

/// Where setting up a ring stopped, for messages.
enum class RingStage : uint8_t { ready = 0, setup = 1, map = 2, features = 3, wake = 4, read = 5 };

class Ring {
 public:
  explicit Ring(RingOps &ops) : ops_(ops) {}
  ~Ring();
  Ring(const Ring &) = delete;
  Ring &operator=(const Ring &) = delete;

  /// 0, or the errno; `stage()` then says where it stopped.
  int open(uint32_t entries, uint32_t flags);

  RingStage stage() const { return stage_; }
  uint32_t features() const { return features_; }
  uint32_t flags() const { return flags_; }

  /// A zeroed entry to fill, or nullptr when the submission queue is full. Submitted by `enter`.
  Sqe *next();
  /// Entries filled and not yet taken by the kernel.
  uint32_t unsubmitted() const;
  /// Hands over what is unsubmitted and waits for `min_complete` completions. 0 or more, or -errno.
  int enter(uint32_t min_complete, bool get_events);
  /// Only waits for one completion, leaving what is unsubmitted where it is. 0 or more, or -errno.
  int wait();
  int register_with(uint32_t opcode, const void *arg, uint32_t count);

  bool ready() const;
  /// The kernel holds completions that did not fit; entering with get_events brings them.
  bool overflowed() const;
  /// Takes up to `max` completions.
  size_t reap(Cqe *out, size_t max);

 private:
  int map_queues(const Params &params);

  RingOps &ops_;
  int fd_ = -1;
  RingStage stage_ = RingStage::setup;
  uint32_t features_ = 0;
  uint32_t flags_ = 0;

  void *sq_memory_ = nullptr;
  void *cq_memory_ = nullptr;
  Sqe *sqes_ = nullptr;
  size_t sq_bytes_ = 0, cq_bytes_ = 0, sqes_bytes_ = 0;

  uint32_t *sq_head_ = nullptr, *sq_tail_ = nullptr, *sq_flags_ = nullptr;
  uint32_t sq_mask_ = 0, sq_entries_ = 0, sq_next_ = 0;
  uint32_t *cq_head_ = nullptr, *cq_tail_ = nullptr;
  uint32_t cq_mask_ = 0;
  Cqe *cqes_ = nullptr;
};

}  // namespace annulus::uring
