// Reads started in batches and completed in any order: a ring, or threads that call pread where no
// ring is allowed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace annulus::uring {

/// One read. The buffer belongs to the queue from `push` until its completion was reaped.
struct IoOp {
  int fd;
  uint32_t file;  ///< small number that names `fd`, for registering it
  void *buffer;
  uint32_t length;
  uint64_t offset;
  uint64_t tag;
};

struct IoCompletion {
  uint64_t tag;
  int32_t result;  ///< bytes read, fewer at the kernel's pleasure, or -errno
};

/// All functions but `wake` and the destructor are for one thread, the owner.
class IoQueue {
 public:
  virtual ~IoQueue() = default;
  /// Adds a read to the batch. The caller keeps no more in flight than the queue was opened for.
  virtual void push(const IoOp &op) = 0;
  /// Starts the batch. With `may_wait` it returns when something can be reaped or `wake` was
  /// called, or early.
  /// @return 0, or the errno after which the queue is beyond use.
  virtual int submit(bool may_wait) = 0;
  virtual size_t reap(IoCompletion *out, size_t max) = 0;
  /// Any thread, also after `finish`: ends the present or the next wait.
  virtual void wake() = 0;
  /// The owner's last call, with nothing in flight unless the queue is beyond use.
  virtual void finish() = 0;
  /// System calls made to start and to wait.
  virtual uint64_t system_calls() const = 0;
};

}  // namespace annulus::uring
