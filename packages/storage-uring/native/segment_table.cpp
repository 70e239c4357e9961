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

void close_files(const Segment &segment) {
  if (segment.direct_fd >= 0) ::close(segment.direct_fd);
  if (segment.cached_fd >= 0) ::close(segment.cached_fd);
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
    const Segment &segment = *find(number);
    if (segment.base != nullptr) maps_->unmap(segment.base, layout_.segment_bytes);
    close_files(segment);
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
  Segment segment;
  segment.number = number;
  segment.checksums = checksums;
  const int error = open_files(path, &segment);
  if (error != 0) {
    close_files(segment);
    return error;
  }
  map(&segment);
  chunk.load(std::memory_order_relaxed)->segments[number % kChunk] = segment;
  count_.store(number + 1, std::memory_order_release);
  return 0;
}

int SegmentTable::open_files(const std::string &path, Segment *segment) {
  const int error = open_past_cache(path, &segment->direct_fd);
  if (error != 0 || wanted_ == Direct::always) return error;
  segment->cached_fd = open_buffered(path);
  return segment->cached_fd < 0 ? -segment->cached_fd : 0;
}

// Leaves -1 in `fd` where reads are not to be direct.
int SegmentTable::open_past_cache(const std::string &path, int *fd) {
  const bool first = count_.load(std::memory_order_relaxed) == 0;
  if (first ? wanted_ == Direct::never : !can_be_direct()) return 0;
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
  *fd = -1;
  // All segments are read alike; one that cannot be is an error once the choice is made.
  return first && wanted_ != Direct::always ? 0 : EINVAL;
}

// A file shorter than its layout is left to the ring, which says what is wrong with it; so is one
// for which there is no room.
void SegmentTable::map(Segment *segment) const {
  if (maps_ == nullptr || segment->cached_fd < 0) return;
  struct stat status;
  if (::fstat(segment->cached_fd, &status) != 0) return;
  if (static_cast<uint64_t>(status.st_size) < layout_.segment_bytes) return;
  segment->base = maps_->map(segment->cached_fd, layout_.segment_bytes);
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
