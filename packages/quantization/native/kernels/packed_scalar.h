// The reference of the kernels for packed codes.
#pragma once

#include "packed_kernels.h"

namespace annulus::packed_scalar {

template <uint32_t Bits>
inline int32_t bytes_dot(const uint8_t *row, const int8_t *planes, size_t stride, size_t from,
                         size_t to) {
  int32_t sum = 0;
  for (uint32_t plane = 0; plane < 8 / Bits; ++plane) {
    const int8_t *query = planes + plane * stride;
    for (size_t i = from; i < to; ++i) {
      sum += ((row[i] >> (plane * Bits)) & ((1 << Bits) - 1)) * query[i];
    }
  }
  return sum;
}

template <uint32_t Bits>
inline void dot(const uint8_t *const *rows, size_t count, const int8_t *planes, size_t row_bytes,
                int32_t *out) {
  const size_t stride = packed_plane_stride(row_bytes);
  for (size_t r = 0; r < count; ++r) {
    out[r] = bytes_dot<Bits>(rows[r], planes, stride, 0, row_bytes);
  }
}

}  // namespace annulus::packed_scalar
