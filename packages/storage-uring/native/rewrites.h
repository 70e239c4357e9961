// Which freed slots are being given new vectors, so that a reader can tell that from damage.
//
// The count is odd while a write is under way; write k holds while it goes from 2k to 2k + 2. The
// ranges of the last writes are kept, for a read may have met any write since it was started.
#pragma once

#include <atomic>
#include <cstdint>

namespace annulus::uring {

class Rewrites {
 public:
  /// Writer, one at a time: before the first byte of slots [first, end) changes.
  void begin(uint64_t first, uint64_t end) {
    const uint64_t count = count_.load(std::memory_order_relaxed);
    Range &range = ranges_[count / 2 % kKept];
    range.first.store(first, std::memory_order_relaxed);
    range.end.store(end, std::memory_order_relaxed);
    count_.store(count + 1, std::memory_order_seq_cst);
  }
  /// Writer: after the last byte and its checksum changed.
  void end() { count_.fetch_add(1, std::memory_order_seq_cst); }

  uint64_t count() const { return count_.load(std::memory_order_acquire); }

  /// Whether a write since `count` may have changed `slot`. True also when nobody remembers.
  bool may_cover(uint64_t count, uint64_t slot) const {
    const uint64_t first = count / 2;
    for (uint64_t write = first; write < writes_begun(); ++write) {
      if (write - first >= kKept - 1) return true;
      const Range &range = ranges_[write % kKept];
      if (slot >= range.first.load(std::memory_order_relaxed) &&
          slot < range.end.load(std::memory_order_relaxed)) {
        return true;
      }
    }
    // Ranges that were overwritten while we looked told us nothing.
    return writes_begun() - first >= kKept;
  }

 private:
  static constexpr uint64_t kKept = 8;
  struct Range {
    std::atomic<uint64_t> first{0}, end{0};
  };

  uint64_t writes_begun() const { return (this->count() + 1) / 2; }

  std::atomic<uint64_t> count_{0};
  Range ranges_[kKept];
};

}  // namespace annulus::uring
