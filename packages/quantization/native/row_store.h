// Codes in memory: rows of equal size in append-only chunks, readable while rows are appended.
//
// The one subtle rule: a row is written before the slot count that covers it is published, and a
// reader that has seen the count may read the row without any lock. Chunks never move.
#pragma once

#include <annulus/aligned.h>
#include <annulus/page_joiner.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace annulus {

/// Slots are 32-bit everywhere; the last number stays free to mean "none".
inline constexpr uint64_t max_slots = 0xffffffffu;

/// Where a code and its correction terms lie. Rows are padded to whole cache lines when that costs
/// at most an eighth, as a row that starts on a line touches the fewest; terms go into that padding
/// for free, else into an array of their own, small enough for the caches.
struct RowLayout {
  uint32_t code_bytes = 0;
  uint32_t term_bytes = 0;
  uint32_t stride = 0;
  bool terms_in_row = false;

  static RowLayout of(uint32_t code_bytes, uint32_t term_bytes);
  /// Memory per vector, terms included.
  uint32_t bytes_per_vector() const { return stride + (terms_in_row ? 0 : term_bytes); }
};

/// What a reader needs to find rows; cheap to copy, valid as long as the store.
struct RowView {
  uint8_t *const *chunks;
  uint32_t shift;
  uint32_t mask;
  size_t stride;
  size_t term_start;
  size_t term_stride;

  const uint8_t *row(uint32_t slot) const { return chunks[slot >> shift] + (slot & mask) * stride; }
  const uint8_t *term(uint32_t slot) const {
    return chunks[slot >> shift] + term_start + (slot & mask) * term_stride;
  }
};

class RowStore {
 public:
  explicit RowStore(const RowLayout &layout);
  ~RowStore();
  RowStore(const RowStore &) = delete;
  RowStore &operator=(const RowStore &) = delete;

  const RowLayout &layout() const { return layout_; }
  /// One past the highest published slot.
  uint64_t slots() const { return slots_.load(std::memory_order_acquire); }
  /// For slots below a count that `slots()` has returned (or, to the one writer, reserved ones).
  RowView view() const;
  /// Memory in use: rows published, and tables.
  uint64_t bytes() const;
  uint64_t chunk_slots() const { return uint64_t{1} << shift_; }

  /// Makes room for slots [0, slots). One writer at a time. False when there is no memory.
  bool reserve(uint64_t slots);
  /// Before reserved rows are filled all at once, and after that: huge pages only then.
  void postpone_huge_pages();
  void advise_huge_pages();
  /// Joins the pages of the rows published so far, which were filled on small ones, in the
  /// background.
  void join_pages();
  uint8_t *row(uint32_t slot) { return const_cast<uint8_t *>(view().row(slot)); }
  uint8_t *term(uint32_t slot) { return const_cast<uint8_t *>(view().term(slot)); }
  /// Publishes rows written so far; never lowers the count.
  void publish(uint64_t slots);

 private:
  using Table = std::unique_ptr<uint8_t *[]>;
  // Memory straight from the allocator: a vector would touch every page at once.
  struct FreeChunk {
    size_t bytes;
    void operator()(uint8_t *chunk) const { AlignedAllocator<uint8_t>().deallocate(chunk, bytes); }
  };
  using Chunk = std::unique_ptr<uint8_t, FreeChunk>;

  RowLayout layout_;
  uint32_t shift_ = 0;
  size_t chunk_bytes_ = 0;
  std::vector<Chunk> chunks_;
  std::vector<Table> tables_;  // all ever published: readers may still use an old one
  size_t table_capacity_ = 0;
  std::atomic<uint8_t *const *> table_{nullptr};
  std::atomic<uint64_t> slots_{0};
  PageJoiner joiner_;  // ends before the chunks go
};

}  // namespace annulus
