// The open segment files and where each vector lies in them. Grows while readers read; nothing
// moves.
#pragma once

#include <annulus/map_ops.h>

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
  int direct_fd = -1;                   ///< past the page cache, -1 where nothing is read so
  int cached_fd = -1;                   ///< through the page cache, -1 where `direct` is demanded
  const uint8_t *base = nullptr;        ///< the mapped file, nullptr where there is none
  const uint32_t *checksums = nullptr;  ///< slots_per_segment entries, owned by JavaScript
};

class SegmentTable {
 public:
  /// Segments past this many are refused; 2^20 of the smallest files.
  static constexpr uint32_t kSegmentsMax = 1u << 20;

  /// `maps` is nullptr where nothing is to be mapped; else it outlives the table.
  SegmentTable(const Layout &layout, Direct direct, MapOps *maps)
      : layout_(layout), wanted_(direct), maps_(maps) {}
  ~SegmentTable();
  SegmentTable(const SegmentTable &) = delete;
  SegmentTable &operator=(const SegmentTable &) = delete;

  /// Opens the next segment (numbers without gaps). Any thread but one at a time. 0, or an errno:
  /// EINVAL when O_DIRECT was demanded and the file system refuses it, E2BIG past kSegmentsMax,
  /// EBADF after `close`.
  int add(uint32_t number, const std::string &path, const uint32_t *checksums);

  /// Unmaps and closes the files, once nobody reads them any more; nothing is added afterwards.
  /// Takes a moment where much was read: 256 MiB take 11 to 17 ms.
  void close();

  /// Any thread. nullptr when there is no such segment (yet).
  const Segment *find(uint64_t number) const;

  const Layout &layout() const { return layout_; }
  /// Whether reads may bypass the page cache; settled by the first segment.
  bool can_be_direct() const { return alignment() > 1; }
  /// What offsets and lengths must be multiples of; 1 when reads are never direct.
  uint32_t alignment() const { return alignment_.load(std::memory_order_acquire); }

 private:
  static constexpr uint32_t kChunk = 1024;
  struct Chunk {
    Segment segments[kChunk];
  };

  int open_files(const std::string &path, Segment *segment);
  int open_past_cache(const std::string &path, int *fd);
  void map(Segment *segment) const;
  bool worth_direct(uint32_t alignment) const;

  const Layout layout_;
  const Direct wanted_;
  MapOps *const maps_;
  std::atomic<uint32_t> alignment_{1};
  std::mutex adding_;
  bool closed_ = false;
  std::atomic<uint32_t> count_{0};
  std::atomic<Chunk *> chunks_[kSegmentsMax / kChunk] = {};
};

}  // namespace annulus::uring
