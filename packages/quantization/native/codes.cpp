#include "codes.h"

#include "batch.h"

namespace annulus {

void Codes::query_bounds(const void *, const uint32_t *, const float *, size_t n,
                         float *out) const {
  for (size_t i = 0; i < n; ++i) out[i] = 0;
}

void Codes::prefetch(const uint32_t *slots, size_t n) const {
  const RowView view = rows_.view();
  for (size_t i = 0; i < n; ++i) prefetch_row(view.row(slots[i]), rows_.layout().code_bytes);
}

}  // namespace annulus
