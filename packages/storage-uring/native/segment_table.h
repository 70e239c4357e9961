// The open segment files and where each vector lies in them. Grows while readers read; nothing
// moves.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

namespace annulus::uring {

/// The file layout of @annulus/storage.
struct Layout {
  uint32_t dimension;
  uint64_t vector_bytes;
  uint64_t stride;
  uint64_t header_bytes;
  uint64_t slots_per_segment;
  uint64_t segment_bytes;
};

enum class Direct : uint8_t { never = 0, always = 1, automatic = 2 };

struct Segment {
  uint32_t number = 0;
  int fd = -1;                          ///< what reads of the ring use
  int cached_fd = -1;                   ///< through the page cache; the same one unless direct
  const uint32_t *checksums = nullptr;  ///< slots_per_segment entries, owned by JavaScript
};

class SegmentTable {
 public:
  /// Segments past this many are refused; 2^20 of the smallest files.
  static constexpr uint32_t kSegmentsMax = 1u << 20;

  SegmentTable(const Layout &layout, Direct direct) : layout_(layout), wanted_(direct) {}
  ~SegmentTable();
  SegmentTable(const SegmentTable &) = delete;
  SegmentTable &operator=(const SegmentTable &) = delete;

  /// Opens the next segment (numbers without gaps). Any thread but one at a time. 0, or an errno:
  /// EINVAL when O_DIRECT was demanded and the file system refuses it, E2BIG past kSegmentsMax,
  /// EBADF after `close`.
  int add(uint32_t number, const std::string &path, const uint32_t *checksums);

  /// Closes the files, once nobody reads them any more; nothing is added afterwards.
  void close();

  /// Any thread. nullptr when there is no such segment (yet).
  const Segment *find(uint64_t number) const;

  const Layout &layout() const { return layout_; }
  /// Whether reads bypass the page cache; settled by the first segment.
  bool direct() const { return alignment() > 1; }
  /// What offsets and lengths must be multiples of; 1 when buffered.
  uint32_t alignment() const { return alignment_.load(std::memory_order_acquire); }

 private:
  static constexpr uint32_t kChunk = 1024;
  struct Chunk {
    Segment segments[kChunk];
  };

  int open_file(const std::string &path, int *fd);
  int open_cached(const std::string &path, int fd, int *cached_fd) const;
  bool worth_direct(uint32_t alignment) const;

  const Layout layout_;
  const Direct wanted_;
  std::atomic<uint32_t> alignment_{1};
  std::mutex adding_;
  bool closed_ = false;
  std::atomic<uint32_t> count_{0};
  std::atomic<Chunk *> chunks_[kSegmentsMax / kChunk] = {};
};

}  // namespace annulus::uring
