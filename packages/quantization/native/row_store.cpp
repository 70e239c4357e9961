#include "row_store.h"

#include <algorithm>
#include <new>

namespace annulus {

namespace {

// Large enough that huge pages waste little at the end of a chunk; untouched pages cost nothing.
#if defined(ANNULUS_SMALL_MEMORY)  // fuzzers load thousands of codes a second
constexpr size_t max_chunk_bytes = 16 << 10;
#else
constexpr size_t max_chunk_bytes = size_t{64} << 20;
#endif
constexpr uint32_t max_chunk_shift = 20;

constexpr uint32_t round_up(uint32_t value, uint32_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

RowLayout RowLayout::of(uint32_t code_bytes, uint32_t term_bytes) {
  RowLayout layout;
  layout.code_bytes = code_bytes;
  layout.term_bytes = term_bytes;
  layout.stride = round_up(code_bytes, 16);
  for (const uint32_t unit : {64u, 32u}) {
    const uint32_t padded = round_up(code_bytes, unit);
    if (padded - code_bytes <= code_bytes / 8) {
      layout.stride = padded;
      break;
    }
  }
  // Terms are 4-byte values and must stay aligned inside the row.
  layout.terms_in_row = term_bytes > 0 && layout.stride >= round_up(code_bytes, 4) + term_bytes;
  return layout;
}

RowStore::RowStore(const RowLayout &layout) : layout_(layout) {
  const size_t per_slot = layout.bytes_per_vector();
  while (shift_ < max_chunk_shift && (per_slot << (shift_ + 1)) <= max_chunk_bytes) ++shift_;
  chunk_bytes_ = per_slot << shift_;
}

RowStore::~RowStore() = default;

RowView RowStore::view() const {
  const size_t slots = size_t{1} << shift_;
  const bool inside = layout_.terms_in_row;
  return {table_.load(std::memory_order_acquire),
          shift_,
          static_cast<uint32_t>(slots - 1),
          layout_.stride,
          inside ? layout_.stride - layout_.term_bytes : layout_.stride * slots,
          inside ? layout_.stride : layout_.term_bytes};
}

uint64_t RowStore::bytes() const {
  return slots() * layout_.bytes_per_vector() + table_capacity_ * sizeof(uint8_t *);
}

bool RowStore::reserve(uint64_t slots) {
  const size_t wanted = static_cast<size_t>((slots + chunk_slots() - 1) >> shift_);
  try {
    if (wanted > table_capacity_) {
      const size_t capacity = std::max<size_t>(wanted, 2 * table_capacity_ + 8);
      Table table(new uint8_t *[capacity]());
      for (size_t i = 0; i < chunks_.size(); ++i) {
        table[i] = chunks_[i].get();
      }
      tables_.push_back(std::move(table));
      table_capacity_ = capacity;
      table_.store(tables_.back().get(), std::memory_order_release);
    }
    while (chunks_.size() < wanted) {
      Chunk chunk(AlignedAllocator<uint8_t>().allocate(chunk_bytes_), FreeChunk{chunk_bytes_});
      chunks_.push_back(std::move(chunk));
      tables_.back()[chunks_.size() - 1] = chunks_.back().get();
    }
  } catch (const std::bad_alloc &) {
    return false;
  }
  return true;
}

void RowStore::postpone_huge_pages() {
  if (chunk_bytes_ < huge_block_bytes) return;
  for (const Chunk &chunk : chunks_) annulus::postpone_huge_pages(chunk.get(), chunk_bytes_);
}

void RowStore::advise_huge_pages() {
  if (chunk_bytes_ < huge_block_bytes) return;
  for (const Chunk &chunk : chunks_) annulus::advise_huge_pages(chunk.get(), chunk_bytes_);
}

void RowStore::join_pages() {
  if (chunk_bytes_ < huge_block_bytes) return;
  std::vector<PageJoiner::Block> blocks;
  for (uint64_t first = 0; first < slots(); first += chunk_slots()) {
    const uint64_t filled = std::min(slots() - first, chunk_slots());
    const size_t bytes =
        filled == chunk_slots() ? chunk_bytes_ : static_cast<size_t>(filled) * layout_.stride;
    blocks.push_back({row(static_cast<uint32_t>(first)), bytes});
  }
  joiner_.begin(blocks);
}

void RowStore::publish(uint64_t slots) {
  if (slots > slots_.load(std::memory_order_relaxed)) {
    slots_.store(slots, std::memory_order_release);
  }
}

}  // namespace annulus
