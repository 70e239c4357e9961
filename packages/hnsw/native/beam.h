// The nearest nodes found so far: a sorted array of packed entries, bounded.
//
// An entry is one integer: the distance in the upper half, mapped so that integers order as floats
// do, then the slot, then a flag bit. Comparing entries orders by distance and then slot, so equal
// distances never make two runs differ.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace annulus::hnsw {

using Entry = uint64_t;

constexpr Entry kExpanded = 1;
constexpr Entry kWorstEntry = ~Entry{0};

inline Entry make_entry(float distance, uint32_t slot) {
  distance += 0.0f;  // -0 becomes 0
  uint32_t bits;
  std::memcpy(&bits, &distance, sizeof(bits));
  bits = distance == distance ? bits : 0x7fc00000u;  // not a number: behind everything
  bits ^= static_cast<uint32_t>(static_cast<int32_t>(bits) >> 31) | 0x80000000u;
  return static_cast<Entry>(bits) << 32 | static_cast<Entry>(slot) << 1;
}
inline uint32_t slot_of(Entry entry) { return static_cast<uint32_t>(entry) >> 1; }
inline float distance_of(Entry entry) {
  uint32_t bits = static_cast<uint32_t>(entry >> 32);
  bits ^= (bits >> 31) != 0 ? 0x80000000u : 0xffffffffu;
  float distance;
  std::memcpy(&distance, &bits, sizeof(distance));
  return distance;
}

/// Sorted and bounded; hands out entries to expand, nearest first. For the widths in use (up to a
/// few hundred) shifting a few cache lines beats a heap, and the results need no sorting at the
/// end.
class Beam {
 public:
  void reset(uint32_t width) {
    if (entries_.size() < width) entries_.resize(width);
    width_ = width;
    size_ = cursor_ = 0;
  }
  /// Entries at or above this are refused.
  Entry bound() const { return size_ == width_ ? entries_[width_ - 1] : kWorstEntry; }

  /// `entry` is below `bound()`, unmarked and not in the beam.
  void insert(Entry entry) {
    Entry *data = entries_.data();
    const uint32_t at = rank_of(entry, size_);
    const uint32_t last = size_ == width_ ? width_ - 1 : size_++;
    std::memmove(data + at + 1, data + at, (last - at) * sizeof(Entry));
    data[at] = entry;
    if (at < cursor_) cursor_ = at;
  }

  /// The same for several, which it sorts. Every part of the beam is moved at most once.
  void merge(Entry *fresh, uint32_t n) {
    for (uint32_t i = 1; i < n; ++i) {
      const Entry entry = fresh[i];
      uint32_t at = i;
      for (; at > 0 && fresh[at - 1] > entry; --at) fresh[at] = fresh[at - 1];
      fresh[at] = entry;
    }
    Entry *data = entries_.data();
    uint32_t old = size_;
    size_ = std::min(width_, old + n);
    // What there is no room for is the farthest of both.
    while (old + n > size_) {
      if (old > 0 && (n == 0 || data[old - 1] > fresh[n - 1])) {
        --old;
      } else {
        --n;
      }
    }
    // From the end on, each between those nearer and those farther than it.
    for (; n > 0; --n) {
      const uint32_t at = rank_of(fresh[n - 1], old);
      std::memmove(data + at + n, data + at, (old - at) * sizeof(Entry));
      data[at + n - 1] = fresh[n - 1];
      old = at;
      cursor_ = std::min(cursor_, at + n - 1);
    }
  }

  /// Marks and returns the nearest entry not yet expanded, if it is among the nearest so many;
  /// kWorstEntry when there is none.
  Entry take(uint32_t among = UINT32_MAX) {
    while (cursor_ < size_ && (entries_[cursor_] & kExpanded) != 0) ++cursor_;
    if (cursor_ >= std::min(size_, among)) return kWorstEntry;
    const Entry entry = entries_[cursor_];
    entries_[cursor_++] = entry | kExpanded;
    return entry;
  }
  /// What `take` would return.
  Entry peek() const {
    uint32_t i = cursor_;
    while (i < size_ && (entries_[i] & kExpanded) != 0) ++i;
    return i == size_ ? kWorstEntry : entries_[i];
  }
  /// All entries may be expanded again (on the next level down).
  void unmark() {
    for (uint32_t i = 0; i < size_; ++i) entries_[i] &= ~kExpanded;
    cursor_ = 0;
  }

  uint32_t size() const { return size_; }
  Entry operator[](uint32_t i) const { return entries_[i]; }
  size_t bytes() const { return entries_.capacity() * sizeof(Entry); }

 private:
  /// How many of the nearest so many are nearer than `entry`.
  uint32_t rank_of(Entry entry, uint32_t among) const {
    const Entry *data = entries_.data();
    uint32_t low = 0;
    for (uint32_t n = among; n > 0;) {
      const uint32_t half = n / 2;
      const bool right = data[low + half] < entry;
      low = right ? low + half + 1 : low;
      n = right ? n - half - 1 : half;
    }
    return low;
  }

  std::vector<Entry> entries_;
  uint32_t width_ = 0;
  uint32_t size_ = 0;
  uint32_t cursor_ = 0;
};

}  // namespace annulus::hnsw
