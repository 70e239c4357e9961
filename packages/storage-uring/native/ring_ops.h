// Everything the ring asks of the kernel, so that a test can put a fake kernel under the same state
// machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "uring_abi.h"

namespace annulus::uring {

class RingOps {
 public:
  virtual ~RingOps() = default;
  /// The ring's descriptor, or -errno.
  virtual int setup(uint32_t entries, Params *params) = 0;
  /// Memory shared with the kernel, or nullptr with errno set.
  virtual void *map(int ring, uint64_t offset, size_t bytes) = 0;
  virtual void unmap(void *memory, size_t bytes) = 0;
  /// How many entries were consumed, or -errno.
  virtual int enter(int ring, uint32_t to_submit, uint32_t min_complete, uint32_t flags) = 0;
  /// At least 0, or -errno.
  virtual int register_with(int ring, uint32_t opcode, const void *arg, uint32_t count) = 0;
  virtual void close(int ring) = 0;
  /// Called between retries when the kernel is out of memory and nothing is in flight.
  virtual void pause(uint32_t microseconds) = 0;
};

/// The real kernel; off Linux every setup fails with ENOSYS.
std::unique_ptr<RingOps> kernel_ring_ops();

/// A kernel whose setup fails with `error`: denial without root.
std::unique_ptr<RingOps> denied_ring_ops(int error);

}  // namespace annulus::uring
