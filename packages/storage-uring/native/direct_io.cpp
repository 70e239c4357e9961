#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE  // O_DIRECT
#endif

#include "direct_io.h"

#if !defined(_WIN32)

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#if defined(__linux__)

#include <sys/syscall.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace annulus::uring {

namespace {

constexpr uint32_t kPage = 4096;

// struct statx (Linux 4.11) by offset, for older headers do not know its direct I/O fields (6.1).
constexpr uint32_t kStatxDioAlign = 0x2000;
constexpr size_t kStatxBytes = 256, kMemoryAlignAt = 0x98, kOffsetAlignAt = 0x9c;
constexpr int kAtEmptyPath = 0x1000;

/// True when the kernel knows; `*alignment` is then 0 for a file without direct reads.
bool alignment_by_statx(int fd, uint32_t *alignment) {
#if defined(SYS_statx)
  alignas(8) char buffer[kStatxBytes] = {};
  if (::syscall(SYS_statx, fd, "", kAtEmptyPath, kStatxDioAlign, buffer) != 0) return false;
  uint32_t mask = 0, memory = 0, offset = 0;
  std::memcpy(&mask, buffer, sizeof(mask));
  if ((mask & kStatxDioAlign) == 0) return false;
  std::memcpy(&memory, buffer + kMemoryAlignAt, sizeof(memory));
  std::memcpy(&offset, buffer + kOffsetAlignAt, sizeof(offset));
  *alignment = offset == 0 ? 0 : std::max(memory, offset);
  return true;
#else
  (void)fd, (void)alignment;
  return false;
#endif
}

/// Tries, for kernels before 6.1 and file systems that do not say (FUSE): 512, then a page.
uint32_t alignment_by_reading(int fd) {
  struct Free {
    void operator()(void *memory) const { std::free(memory); }
  };
  const std::unique_ptr<void, Free> memory(std::aligned_alloc(kPage, 2 * kPage));
  if (!memory) return 0;
  for (const uint32_t alignment : {512u, kPage}) {
    char *buffer = static_cast<char *>(memory.get()) + alignment;
    ssize_t result;
    do {
      result = ::pread(fd, buffer, alignment, alignment);
    } while (result < 0 && errno == EINTR);
    if (result >= 0) return alignment;
  }
  return 0;
}

}  // namespace

int open_direct(const std::string &path, uint32_t *alignment) {
  int fd;
  do {
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return -errno;
  if (!alignment_by_statx(fd, alignment)) *alignment = alignment_by_reading(fd);
  const uint32_t value = *alignment;
  if (value > 1 && value <= kPage && (value & (value - 1)) == 0) return fd;
  ::close(fd);
  return -EINVAL;
}

}  // namespace annulus::uring

#else

namespace annulus::uring {
int open_direct(const std::string &, uint32_t *) { return -EINVAL; }
}  // namespace annulus::uring

#endif
#endif
