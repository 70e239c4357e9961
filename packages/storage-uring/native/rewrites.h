// Which freed slots are being given new vectors, so that a reader can tell that from damage.
//
// The count is odd while a write is under way; write k holds while it goes from 2k to 2k + 2. What
// the last writes may have changed is kept, for a read may have met any write since it was started:
// their range and, for slots that lie scattered in it, a mark for every slot with the same rest.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace annulus::uring {

class Rewrites {
 public:
  /// Writer, one at a time: before the first byte of these slots, one or more that ascend, changes.
  void begin(const uint32_t *slots, size_t n) {
    const uint64_t count = count_.load(std::memory_order_relaxed);
    Write &write = writes_[count / 2 % kKept];
    write.first.store(slots[0], std::memory_order_relaxed);
    write.last.store(slots[n - 1], std::memory_order_relaxed);
    for (std::atomic<uint64_t> &marks : write.marks) marks.store(0, std::memory_order_relaxed);
    for (size_t i = 0; i < n; ++i) {
      std::atomic<uint64_t> &marks = write.marks[word_of(slots[i])];
      marks.store(marks.load(std::memory_order_relaxed) | mark_of(slots[i]),
                  std::memory_order_relaxed);
    }
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
      if (writes_[write % kKept].may_cover(slot)) return true;
    }
    // Writes that were forgotten while we looked told us nothing.
    return writes_begun() - first >= kKept;
  }

 private:
  static constexpr uint64_t kKept = 8;
  static constexpr uint64_t kMarks = 1 << 14;

  static size_t word_of(uint64_t slot) { return slot % kMarks / 64; }
  static uint64_t mark_of(uint64_t slot) { return uint64_t{1} << slot % 64; }

  struct Write {
    std::atomic<uint64_t> first{0}, last{0};
    std::atomic<uint64_t> marks[kMarks / 64] = {};

    bool may_cover(uint64_t slot) const {
      return slot >= first.load(std::memory_order_relaxed) &&
             slot <= last.load(std::memory_order_relaxed) &&
             (marks[word_of(slot)].load(std::memory_order_relaxed) & mark_of(slot)) != 0;
    }
  };

  uint64_t writes_begun() const { return (this->count() + 1) / 2; }

  std::atomic<uint64_t> count_{0};
  Write writes_[kKept];
};

}  // namespace annulus::uring
