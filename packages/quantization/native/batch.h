// Batches of rows for a kernel, with their cache lines already on the way.
//
// Measured: twelve lines of a random row cost about 80 ns when the loads themselves fetch them, as
// a core keeps only some twenty first-level misses open. Prefetches into the second level have a
// longer queue: asking for a whole batch before the first product halves the time.
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

/// Whether the slots are a, a + 1, a + 2 and so on.
inline bool consecutive(const uint32_t *slots, size_t n) {
  if (slots[n - 1] - slots[0] != n - 1) return false;
  uint32_t wrong = 0;
  for (size_t i = 0; i < n; ++i) wrong |= slots[i] ^ (slots[0] + static_cast<uint32_t>(i));
  return wrong == 0;
}

/// Calls `compute(slots, rows, n, done)` for runs of slots, `done` slots into the batch, after
/// their rows were asked for; the next run is asked for before the current one is computed. Rows
/// that the hardware fetches by itself are not asked for.
template <typename Compute>
inline void for_batches(const RowView &view, size_t row_bytes, bool terms, const uint32_t *slots,
                        size_t n, Compute compute) {
  constexpr size_t largest = 64;
  // What is asked for ahead must fit the second-level cache together with what is in use.
  const size_t run = std::clamp<size_t>((size_t{96} << 10) / (row_bytes + 1), 4, largest);
  const uint8_t *rows[2][largest];
  const auto ask = [&](size_t from, const uint8_t **into) {
    const size_t count = std::min(run, n - from);
    for (size_t i = 0; i < count; ++i) {
      into[i] = view.row(slots[from + i]);
      prefetch_row(into[i], row_bytes);
      if (terms) prefetch_line(view.term(slots[from + i]));
    }
  };
  if (n == 0) return;
  if (n > 1 && row_bytes >= long_row_bytes && consecutive(slots, n)) {
    for (size_t done = 0; done < n; ++done) {
      rows[0][0] = view.row(slots[done]);
      compute(slots + done, rows[0], 1, done);
    }
    return;
  }
  ask(0, rows[0]);
  for (size_t done = 0, side = 0; done < n; done += run, side ^= 1) {
    if (done + run < n) ask(done + run, rows[side ^ 1]);
    compute(slots + done, rows[side], std::min(run, n - done), done);
  }
}

}  // namespace annulus
