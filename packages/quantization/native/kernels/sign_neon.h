// NEON: bits spread to byte masks by VTST, CNT for pairs.
#pragma once

#include <annulus/cpu.h>

#if defined(ANNULUS_ARM64)
#include <annulus/kernels/intrinsics.h>

#include <cstddef>
#include <cstdint>

#include "sign_scalar.h"

namespace annulus::sign_neon {

inline void agreement(const uint8_t *const *rows, size_t count, const uint8_t *magnitudes,
                      const uint64_t *negative, size_t words, int64_t *out) {
  const uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201u));
  for (size_t r = 0; r < count; ++r) {
    uint32x4_t sum = vdupq_n_u32(0);
    for (size_t w = 0; w < words; ++w) {
      const uint64_t agreeing = sign_scalar::word_at(rows[r], w) ^ negative[w];
      uint16x8_t part = vdupq_n_u16(0);
      for (size_t i = 0; i < 4; ++i) {
        const uint8x16_t bytes =
            vcombine_u8(vdup_n_u8(static_cast<uint8_t>(agreeing >> (16 * i))),
                        vdup_n_u8(static_cast<uint8_t>(agreeing >> (16 * i + 8))));
        const uint8x16_t all = vld1q_u8(magnitudes + 64 * w + 16 * i);
        part = vpadalq_u8(part, vandq_u8(all, vtstq_u8(bytes, bit)));
      }
      sum = vpadalq_u16(sum, part);
    }
    out[r] = static_cast<int64_t>(vaddlvq_u32(sum));
  }
}

inline void differing(const uint8_t *const *rows, size_t count, const uint8_t *row, size_t words,
                      uint32_t *out) {
  for (size_t r = 0; r < count; ++r) {
    uint32_t sum = 0;
    for (size_t w = 0; w < words; ++w) {
      const uint8x8_t bits = veor_u8(vld1_u8(rows[r] + 8 * w), vld1_u8(row + 8 * w));
      sum += vaddv_u8(vcnt_u8(bits));
    }
    out[r] = sum;
  }
}

}  // namespace annulus::sign_neon

#endif
