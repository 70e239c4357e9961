#include "segment_table.h"

#if !defined(_WIN32)

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "direct_io.h"

namespace annulus::uring {

namespace {
constexpr uint64_t kPage = 4096;

int open_retrying(const std::string &path, int flags) {
  for (;;) {
    const int fd = ::open(path.c_str(), flags | O_RDONLY | O_CLOEXEC);
    if (fd >= 0 || errno != EINTR) return fd < 0 ? -errno : fd;
  }
}

int open_buffered(const std::string &path) {
  const int fd = open_retrying(path, 0);
#if defined(POSIX_FADV_RANDOM)
  if (fd >= 0) ::posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);  // neighbours are seldom wanted
#endif
  return fd;
}
}  // namespace

SegmentTable::~SegmentTable() {
  close();
  for (auto &chunk : chunks_) delete chunk.load(std::memory_order_relaxed);
}

void SegmentTable::close() {
  std::lock_guard<std::mutex> lock(adding_);
  if (closed_) return;
  closed_ = true;
  const uint32_t count = count_.load(std::memory_order_acquire);
  for (uint32_t number = 0; number < count; ++number) {
    const Segment *segment = find(number);
    if (segment->cached_fd != segment->fd) ::close(segment->cached_fd);
    ::close(segment->fd);
  }
}

const Segment *SegmentTable::find(uint64_t number) const {
  if (number >= count_.load(std::memory_order_acquire)) return nullptr;
  return &chunks_[number / kChunk].load(std::memory_order_relaxed)->segments[number % kChunk];
}

int SegmentTable::add(uint32_t number, const std::string &path, const uint32_t *checksums) {
  std::lock_guard<std::mutex> lock(adding_);
  if (closed_) return EBADF;
  if (number != count_.load(std::memory_order_relaxed)) return EINVAL;
  if (number >= kSegmentsMax) return E2BIG;
  std::atomic<Chunk *> &chunk = chunks_[number / kChunk];
  if (chunk.load(std::memory_order_relaxed) == nullptr) {
    chunk.store(new Chunk, std::memory_order_relaxed);
  }
  int fd = -1;
  const int error = open_file(path, &fd);
  if (error != 0) return error;
  int cached_fd = fd;
  const int cached_error = open_cached(path, fd, &cached_fd);
  if (cached_error != 0) {
    ::close(fd);
    return cached_error;
  }
  chunk.load(std::memory_order_relaxed)->segments[number % kChunk] = {number, fd, cached_fd,
                                                                      checksums};
  count_.store(number + 1, std::memory_order_release);
  return 0;
}

int SegmentTable::open_file(const std::string &path, int *fd) {
  const bool first = count_.load(std::memory_order_relaxed) == 0;
  if (first ? wanted_ != Direct::never : direct()) {
    uint32_t alignment = 0;
    *fd = open_direct(path, &alignment);
    if (*fd >= 0) {
      const bool good = first ? wanted_ == Direct::always || worth_direct(alignment)
                              : alignment <= this->alignment();
      if (good) {
        if (first) alignment_.store(alignment, std::memory_order_release);
        return 0;
      }
      ::close(*fd);
    } else if (*fd != -EINVAL) {
      return -*fd;
    }
    // All segments are read alike; one that cannot be is an error once the choice is made.
    if (!first || wanted_ == Direct::always) return EINVAL;
  }
  *fd = open_buffered(path);
  return *fd < 0 ? -*fd : 0;
}

// Beside a direct descriptor, one that sees what the page cache holds.
int SegmentTable::open_cached(const std::string &path, int fd, int *cached_fd) const {
  *cached_fd = direct() ? open_buffered(path) : fd;
  return *cached_fd < 0 ? -*cached_fd : 0;
}

// Direct reads fetch whole sectors. They are worth it unless that is more than the page which a
// buffered read would fetch and more than twice the vector.
bool SegmentTable::worth_direct(uint32_t alignment) const {
  const bool exact = layout_.stride % alignment == 0 && layout_.header_bytes % alignment == 0;
  const uint64_t sectors = (layout_.vector_bytes + alignment - 1) / alignment + (exact ? 0 : 1);
  const uint64_t read = sectors * alignment;
  return read <= kPage || read <= 2 * layout_.vector_bytes;
}

}  // namespace annulus::uring

#endif
