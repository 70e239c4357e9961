// Where each slot's bytes are: the mapped segments, append-only, read by all threads without a
// lock.
//
// Only one thread adds and publishes. An entry is written before `publish` names a slot in it, and
// a reader looks only below `slots()`, so the release and acquire of that one number order the
// rest.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace annulus {

struct MapLayout {
  uint32_t dimension;
  uint64_t stride;
  uint64_t header_bytes;
  uint32_t slots_per_segment;
  uint64_t segment_bytes;

  size_t vector_bytes() const { return size_t{dimension} * sizeof(float); }
};

/// A stored vector: its mapped bytes and the checksum they must have.
struct StoredVector {
  const uint8_t *bytes;
  uint32_t checksum;
};

class SegmentTable {
 public:
  /// Linux allows 65,530 mappings in a process unless told otherwise.
  static constexpr uint32_t kSegmentsMax = 65536;

  explicit SegmentTable(const MapLayout &layout)
      : layout_(layout),
        // calloc: a megabyte of which only the used pages ever become memory.
        entries_(static_cast<Entry *>(std::calloc(kSegmentsMax, sizeof(Entry)))) {
    if (!entries_) throw std::bad_alloc();
  }

  const MapLayout &layout() const { return layout_; }
  uint32_t segments() const { return segments_; }
  const uint8_t *base(uint32_t segment) const { return entries_.get()[segment].base; }
  uint64_t capacity() const { return uint64_t{segments_} * layout_.slots_per_segment; }

  /// `base` is `segment_bytes` of mapping, `checksums` has `slots_per_segment` entries; both stay
  /// valid until the last read has ended. False when the table is full.
  bool add(const uint8_t *base, const uint32_t *checksums) {
    if (segments_ == kSegmentsMax) return false;
    entries_.get()[segments_++] = {base, checksums};
    return true;
  }

  /// Makes slots below `slots` readable. Their segments must have been added.
  bool publish(uint64_t slots) {
    if (slots > capacity()) return false;
    slots_.store(slots, std::memory_order_release);
    return true;
  }

  uint64_t slots() const { return slots_.load(std::memory_order_acquire); }

  /// `slot` must be below `slots()` as this thread has seen it.
  StoredVector at(uint32_t slot) const {
    const uint32_t segment = slot / layout_.slots_per_segment;
    const uint32_t row = slot - segment * layout_.slots_per_segment;
    const Entry &entry = entries_.get()[segment];
    // The writer may be giving the slot a new vector: the answer is then a mismatch, not a tear.
    const uint32_t checksum = __atomic_load_n(entry.checksums + row, __ATOMIC_RELAXED);
    return {entry.base + layout_.header_bytes + row * layout_.stride, checksum};
  }

 private:
  struct Entry {
    const uint8_t *base;
    const uint32_t *checksums;
  };
  struct Free {
    void operator()(Entry *entries) const { std::free(entries); }
  };

  const MapLayout layout_;
  std::unique_ptr<Entry, Free> entries_;
  uint32_t segments_ = 0;
  std::atomic<uint64_t> slots_{0};
};

}  // namespace annulus
