#include "buffer_pool.h"

#if !defined(_WIN32)

#include <sys/mman.h>

#include <cerrno>

namespace annulus::uring {

namespace {
constexpr size_t kPage = 4096;
}

BufferPool::~BufferPool() {
  if (memory_ != nullptr) ::munmap(memory_, bytes_);
}

int BufferPool::open(size_t count, size_t bytes) {
  stride_ = (bytes + kPage - 1) / kPage * kPage;
  bytes_ = stride_ * count;
  void *memory =
      ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return errno;
  memory_ = static_cast<char *>(memory);
#if defined(MADV_DONTFORK)
  // A fork during O_DIRECT would let copy-on-write move the page under the kernel's hands (open(2)).
  ::madvise(memory_, bytes_, MADV_DONTFORK);
#endif
  return 0;
}

}  // namespace annulus::uring

#endif
