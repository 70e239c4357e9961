// Batches of rows for a kernel, with their cache lines already on the way.
//
// Measured: twelve lines of a random row cost about 80 ns when the loads themselves fetch them, as
// a core keeps only some twenty first-level misses open. Prefetches into the second level have a
// longer queue: asking for a whole batch before the first product halves the time. That queue has
// an end as well: asking for 48 KiB at once, then working on them, takes half as long again as
// asking for a few rows more whenever a few are done.
//
// Rows that follow each other are best left to the hardware, which sees them coming as long as they
// are read one by one: four at a time are four streams, and what we ask for is in its way.
#pragma once

#include <annulus/kernels/intrinsics.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "row_store.h"

namespace annulus {

inline void prefetch_line(const void *p) {
#if defined(__GNUC__) || defined(__clang__)
  __builtin_prefetch(p, 0, 2);  // read, into the second level
#else
  (void)p;
#endif
}

inline void prefetch_row(const uint8_t *row, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) prefetch_line(row + i);
}

/// Rows from this size on are read one by one where they follow each other; shorter ones cost more
/// to compute than to read.
constexpr size_t long_row_bytes = 256;

/// What is asked for before the first row is worked on, and how much more at a time.
constexpr size_t ahead_bytes = 12 << 10;
constexpr size_t group_bytes = 4 << 10;

/// Whether the slots are a, a + 1, a + 2 and so on.
inline bool consecutive(const uint32_t *slots, size_t n) {
  if (slots[n - 1] - slots[0] != n - 1) return false;
  uint32_t wrong = 0;
  for (size_t i = 0; i < n; ++i) wrong |= slots[i] ^ (slots[0] + static_cast<uint32_t>(i));
  return wrong == 0;
}

/// Calls `compute(slots, rows, n, done)` for groups of slots, `done` slots into the batch, after
/// their rows were asked for: for all at once in batches as small as those of a walk, which wait
/// for the first of them only. Rows that the hardware fetches by itself are not asked for.
template <typename Compute>
inline void for_batches(const RowView &view, size_t row_bytes, bool terms, const uint32_t *slots,
                        size_t n, Compute compute) {
  constexpr size_t ring = 128;
  constexpr size_t largest_group = 32;
  const uint8_t *rows[ring];
  if (n > 1 && row_bytes >= long_row_bytes && consecutive(slots, n)) {
    for (size_t done = 0; done < n; ++done) {
      rows[0] = view.row(slots[done]);
      compute(slots + done, rows, 1, done);
    }
    return;
  }
  size_t group = largest_group;
  size_t ahead = 0;
  if (n > largest_group) {
    while (group > 1 && group * row_bytes > group_bytes) group /= 2;
    ahead = std::clamp(ahead_bytes / row_bytes / group * group, group, ring - largest_group);
  }
  size_t asked = 0;
  const auto ask_until = [&](size_t end) {
    for (; asked < std::min(end, n); ++asked) {
      const uint8_t *row = view.row(slots[asked]);
      rows[asked % ring] = row;
      prefetch_row(row, row_bytes);
      if (terms) prefetch_line(view.term(slots[asked]));
    }
  };
  // Groups end where the ring does, as their sizes are powers of two.
  for (size_t done = 0; done < n; done += group) {
    ask_until(done + group + ahead);
    compute(slots + done, rows + done % ring, std::min(group, n - done), done);
  }
}

}  // namespace annulus
