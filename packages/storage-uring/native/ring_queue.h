// IoQueue over io_uring. Opened, used and finished on the ring thread, for the kernel may allow no
// other.
//
// A poll of an eventfd stays armed in the ring, so that a producer can end a wait. A poll and not a
// read, for it leaves no memory in the kernel's hands when the ring is closed.
#pragma once

#include <memory>
#include <vector>

#include "io_queue.h"
#include "ring.h"

namespace annulus::uring {

/// Switches of the ring. The defaults are what measured best; the others stay to be measured again.
struct RingTuning {
  bool taskrun = true;  ///< SINGLE_ISSUER, DEFER_TASKRUN and COOP_TASKRUN where the kernel has them
  bool registered_files = true;
  bool registered_buffers = true;
};

class RingQueue final : public IoQueue {
 public:
  RingQueue(RingOps &ops, const RingTuning &tuning) : ops_(ops), tuning_(tuning) {}
  ~RingQueue() override;

  /// For `depth` reads in flight. `memory` is where all buffers lie. 0, or the errno; see `stage`.
  int open(uint32_t depth, void *memory, size_t bytes);
  RingStage stage() const { return stage_; }
  uint32_t setup_flags() const { return ring_ ? ring_->flags() : 0; }
  bool has_registered_buffers() const { return registered_memory_ != nullptr; }
  bool has_registered_files() const { return !files_.empty(); }

  void push(const IoOp &op) override;
  int submit(bool may_wait) override;
  size_t reap(IoCompletion *out, size_t max) override;
  void wake() override;
  void finish() override { ring_.reset(); }
  uint64_t system_calls() const override { return system_calls_; }

 private:
  int open_ring(uint32_t entries);
  int test_read();
  void register_buffers(void *memory, size_t bytes);
  void register_files();
  bool file_registered(const IoOp &op);
  void arm_wake();
  void clear_wake();
  bool retry(int error, bool *waited);

  RingOps &ops_;
  const RingTuning tuning_;
  std::unique_ptr<Ring> ring_;
  RingStage stage_ = RingStage::setup;
  int event_fd_ = -1;
  bool wake_armed_ = false;
  const char *registered_memory_ = nullptr;
  size_t registered_bytes_ = 0;
  std::vector<int> files_;  // descriptor registered at each index, or -1
  uint32_t in_kernel_ = 0;  // reads pushed and not reaped
  uint32_t pauses_ = 0;
  uint64_t system_calls_ = 0;
};

}  // namespace annulus::uring
