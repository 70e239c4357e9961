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

inline void weighted(const uint8_t *const *rows, size_t count, const uint64_t *planes, size_t words,
                     int32_t *out) {
  const size_t stride = (words + 7) / 8 * 8;
  const auto ones_of = [](uint8x16_t bits) { return vpaddlq_u8(vcntq_u8(bits)); };
  for (size_t r = 0; r < count; ++r) {
    uint32x4_t counts[4] = {vdupq_n_u32(0), vdupq_n_u32(0), vdupq_n_u32(0), vdupq_n_u32(0)};
    for (size_t w = 0; w < words; w += 2) {
      const uint64_t second = w + 1 < words ? sign_scalar::word_at(rows[r], w + 1) : 0;
      const uint8x16_t bits = vreinterpretq_u8_u64(
          vcombine_u64(vcreate_u64(sign_scalar::word_at(rows[r], w)), vcreate_u64(second)));
      for (size_t p = 0; p < 4; ++p) {
        const uint8x16_t plane = vreinterpretq_u8_u64(vld1q_u64(planes + p * stride + w));
        counts[p] = vpadalq_u16(counts[p], ones_of(vandq_u8(bits, plane)));
      }
    }
    out[r] = static_cast<int32_t>(vaddvq_u32(counts[0])) +
             2 * static_cast<int32_t>(vaddvq_u32(counts[1])) +
             4 * static_cast<int32_t>(vaddvq_u32(counts[2])) -
             8 * static_cast<int32_t>(vaddvq_u32(counts[3]));
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
