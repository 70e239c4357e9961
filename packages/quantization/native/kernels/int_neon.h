// NEON: 16-bit multiply-add on every arm64, SDOT where the CPU has it.
#pragma once

#include <annulus/cpu.h>

#if defined(ANNULUS_ARM64)
#include <annulus/kernels/intrinsics.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "int_kernels.h"
#include "int_scalar.h"

namespace annulus::int_neon {

// One multiply-add puts at most 255 * 32639 into a 32-bit lane; four per 16 codes, so 64 rounds
// fit.
constexpr size_t block = 64 * 16;

inline int64_t dot_row(const uint8_t *row, const int16_t *q, size_t n) {
  int64x2_t total = vdupq_n_s64(0);
  size_t i = 0;
  while (i + 16 <= n) {
    const size_t end = n - i < block ? n : i + block;
    int32x4_t sum = vdupq_n_s32(0);
    for (; i + 16 <= end; i += 16) {
      const uint8x16_t codes = vld1q_u8(row + i);
      const int16x8_t front = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(codes)));
      const int16x8_t back = vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(codes)));
      const int16x8_t query_front = vld1q_s16(q + i);
      const int16x8_t query_back = vld1q_s16(q + i + 8);
      sum = vmlal_s16(sum, vget_low_s16(front), vget_low_s16(query_front));
      sum = vmlal_high_s16(sum, front, query_front);
      sum = vmlal_s16(sum, vget_low_s16(back), vget_low_s16(query_back));
      sum = vmlal_high_s16(sum, back, query_back);
    }
    total = vpadalq_s32(total, sum);
  }
  int64_t result = vaddvq_s64(total);
  for (; i < n; ++i) result += static_cast<int32_t>(row[i]) * q[i];
  return result;
}

inline void dot(const uint8_t *const *rows, size_t count, const uint8_t *planes, size_t n,
                int64_t *out) {
  const auto *q = reinterpret_cast<const int16_t *>(planes);
  for (size_t r = 0; r < count; ++r) out[r] = dot_row(rows[r], q, n);
}

inline void pair_dot(const uint8_t *const *rows, size_t count, const uint8_t *other, size_t n,
                     int64_t *out) {
  const uint8x16_t sign = vdupq_n_u8(0x80);
  const size_t vector_end = n / 16 * 16;
  for (size_t r = 0; r < count; ++r) {
    const uint8_t *row = rows[r];
    int32x4_t sum = vdupq_n_s32(0);
    for (size_t i = 0; i < vector_end; i += 16) {
      const uint8x16_t codes = vld1q_u8(row + i);
      const int8x16_t level = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(other + i), sign));
      const int16x8_t front = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(codes)));
      const int16x8_t back = vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(codes)));
      const int16x8_t level_front = vmovl_s8(vget_low_s8(level));
      const int16x8_t level_back = vmovl_s8(vget_high_s8(level));
      sum = vmlal_s16(sum, vget_low_s16(front), vget_low_s16(level_front));
      sum = vmlal_high_s16(sum, front, level_front);
      sum = vmlal_s16(sum, vget_low_s16(back), vget_low_s16(level_back));
      sum = vmlal_high_s16(sum, back, level_back);
    }
    const uint8_t *tail = row + vector_end;
    int_scalar::pair_dot(&tail, 1, other + vector_end, n - vector_end, out + r);
    out[r] += vaddlvq_s32(sum);
  }
}

inline void l1(const uint8_t *const *rows, size_t count, const uint8_t *whole, const uint8_t *part,
               size_t n, int64_t *out) {
  const size_t vector_end = n / 16 * 16;
  for (size_t r = 0; r < count; ++r) {
    const uint8_t *row = rows[r];
    uint32x4_t steps = vdupq_n_u32(0);
    uint32x4_t parts = vdupq_n_u32(0);
    for (size_t i = 0; i < vector_end; i += 16) {
      const uint8x16_t codes = vld1q_u8(row + i);
      const uint8x16_t level = vld1q_u8(whole + i);
      steps = vpadalq_u16(steps, vpaddlq_u8(vabdq_u8(codes, level)));
      const uint8x16_t above = vandq_u8(vcgtq_u8(codes, level), vld1q_u8(part + i));
      parts = vpadalq_u16(parts, vpaddlq_u8(above));
    }
    const uint8_t *tail = row + vector_end;
    int_scalar::l1(&tail, 1, whole + vector_end, part + vector_end, n - vector_end, out + r);
    out[r] += 256 * static_cast<int64_t>(vaddlvq_u32(steps)) -
              2 * static_cast<int64_t>(vaddlvq_u32(parts));
  }
}

inline void pair_l1(const uint8_t *const *rows, size_t count, const uint8_t *other, size_t n,
                    int64_t *out) {
  const size_t vector_end = n / 16 * 16;
  for (size_t r = 0; r < count; ++r) {
    const uint8_t *row = rows[r];
    uint32x4_t steps = vdupq_n_u32(0);
    for (size_t i = 0; i < vector_end; i += 16) {
      steps = vpadalq_u16(steps, vpaddlq_u8(vabdq_u8(vld1q_u8(row + i), vld1q_u8(other + i))));
    }
    const uint8_t *tail = row + vector_end;
    int_scalar::pair_l1(&tail, 1, other + vector_end, n - vector_end, out + r);
    out[r] += static_cast<int64_t>(vaddlvq_u32(steps));
  }
}

}  // namespace annulus::int_neon

#endif
