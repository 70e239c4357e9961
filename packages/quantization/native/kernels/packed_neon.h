// NEON: products of bytes summed to 16 bits over the planes of 16 bytes (at most 4 * 3 * 127 for 2
// bits, 2 * 15 * 127 for 4), or SDOT where the CPU has it (codes below 16 are signed bytes as
// well).
#pragma once

#include <annulus/cpu.h>

#if defined(ANNULUS_ARM64)
#include <annulus/kernels/intrinsics.h>

#include "int_neon_dotprod.h"
#include "packed_scalar.h"

namespace annulus::packed_neon {

template <uint32_t Bits>
inline int8x16_t plane_of(uint8x16_t codes, uint32_t plane) {
  const int8x16_t shift = vdupq_n_s8(-static_cast<int8_t>(plane * Bits));
  return vreinterpretq_s8_u8(vandq_u8(vshlq_u8(codes, shift), vdupq_n_u8((1 << Bits) - 1)));
}

template <uint32_t Bits>
inline void dot(const uint8_t *const *rows, size_t count, const int8_t *planes, size_t row_bytes,
                int32_t *out) {
  const size_t stride = packed_plane_stride(row_bytes);
  for (size_t r = 0; r < count; ++r) {
    int32x4_t sums = vdupq_n_s32(0);
    size_t i = 0;
    for (; i + 16 <= row_bytes; i += 16) {
      const uint8x16_t codes = vld1q_u8(rows[r] + i);
      int16x8_t products = vdupq_n_s16(0);
      for (uint32_t plane = 0; plane < 8 / Bits; ++plane) {
        const int8x16_t level = plane_of<Bits>(codes, plane);
        const int8x16_t query = vld1q_s8(planes + plane * stride + i);
        products = vmlal_s8(products, vget_low_s8(level), vget_low_s8(query));
        products = vmlal_high_s8(products, level, query);
      }
      sums = vpadalq_s16(sums, products);
    }
    out[r] =
        vaddvq_s32(sums) + packed_scalar::bytes_dot<Bits>(rows[r], planes, stride, i, row_bytes);
  }
}

template <uint32_t Bits>
ANNULUS_DOTPROD inline void sdot(const uint8_t *const *rows, size_t count, const int8_t *planes,
                                 size_t row_bytes, int32_t *out) {
  const size_t stride = packed_plane_stride(row_bytes);
  for (size_t r = 0; r < count; ++r) {
    int32x4_t sums = vdupq_n_s32(0);
    size_t i = 0;
    for (; i + 16 <= row_bytes; i += 16) {
      const uint8x16_t codes = vld1q_u8(rows[r] + i);
      for (uint32_t plane = 0; plane < 8 / Bits; ++plane) {
        const int8x16_t query = vld1q_s8(planes + plane * stride + i);
        sums = vdotq_s32(sums, plane_of<Bits>(codes, plane), query);
      }
    }
    out[r] =
        vaddvq_s32(sums) + packed_scalar::bytes_dot<Bits>(rows[r], planes, stride, i, row_bytes);
  }
}

}  // namespace annulus::packed_neon

#endif
