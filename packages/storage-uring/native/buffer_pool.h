// Buffers of equal size for reads in flight: one page-aligned area, never copied into a forked
// child.
#pragma once

#include <cstddef>
#include <cstdint>

namespace annulus::uring {

class BufferPool {
 public:
  BufferPool() = default;
  ~BufferPool();
  BufferPool(const BufferPool &) = delete;
  BufferPool &operator=(const BufferPool &) = delete;

  /// `count` buffers of at least `bytes`, each aligned to a page. 0, or an errno.
  int open(size_t count, size_t bytes);
  /// Gives the memory up without freeing it: for when the kernel may still write to it.
  void leak() { mapped_ = nullptr; }

  char *buffer(size_t index) const { return memory_ + index * stride_; }
  size_t buffer_bytes() const { return stride_; }
  void *memory() const { return memory_; }
  size_t bytes() const { return bytes_; }

 private:
  void *mapped_ = nullptr;
  size_t mapped_bytes_ = 0;
  char *memory_ = nullptr;
  size_t bytes_ = 0;
  size_t stride_ = 0;
};

}  // namespace annulus::uring
