// Which bytes of which segment cover a slot, and when neighbours are worth one read.
#pragma once

#include <cstdint>

#include "segment_table.h"

namespace annulus::uring {

/// A range of one segment file, [begin, end), aligned as its reads must be.
struct ByteRange {
  uint64_t segment;
  uint64_t begin;
  uint64_t end;
};

class ReadPlan {
 public:
  /// @param alignment sector size, 1 when buffered
  /// @param bytes_max longest read; at least that of one vector
  /// @param gap_max bytes between two ranges that are read along rather than read apart
  ReadPlan(const Layout &layout, uint32_t alignment, uint64_t bytes_max, uint64_t gap_max)
      : layout_(layout), alignment_(alignment), bytes_max_(bytes_max), gap_max_(gap_max) {}

  uint64_t segment_of(uint32_t slot) const { return slot / layout_.slots_per_segment; }
  uint64_t slot_in_segment(uint32_t slot) const { return slot % layout_.slots_per_segment; }
  uint64_t offset_of(uint32_t slot) const {
    return layout_.header_bytes + slot_in_segment(slot) * layout_.stride;
  }

  ByteRange range(uint32_t slot) const {
    const uint64_t offset = offset_of(slot);
    return {segment_of(slot), offset / alignment_ * alignment_,
            round_up(offset + layout_.vector_bytes, alignment_)};
  }

  /// Widens `range` to cover `next` too (slots ascending) when one longer read is cheaper than two.
  bool merge(ByteRange *range, const ByteRange &next) const {
    if (next.segment != range->segment || next.begin < range->begin) return false;
    if (next.begin > range->end + gap_max_ || next.end - range->begin > bytes_max_) return false;
    if (next.end > range->end) range->end = next.end;
    return true;
  }

  /// Longest read of a single vector at any alignment up to a page: the least a buffer must hold.
  static uint64_t bytes_needed(const Layout &layout) {
    return round_up(layout.vector_bytes, kPage) + kPage;
  }

 private:
  static constexpr uint64_t kPage = 4096;
  static uint64_t round_up(uint64_t value, uint64_t unit) {
    return (value + unit - 1) / unit * unit;
  }

  const Layout layout_;
  const uint32_t alignment_;
  const uint64_t bytes_max_;
  const uint64_t gap_max_;
};

}  // namespace annulus::uring
