// NEON with SDOT: signed by signed bytes. Codes become signed by flipping their top bit, which
// subtracts 128; the last line of the planes holds 128 times the sum of the query to add it back.
#pragma once

#include <annulus/cpu.h>

#if defined(ANNULUS_ARM64)
#include <annulus/kernels/intrinsics.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "int_kernels.h"
#include "int_scalar.h"

#if defined(__clang__)
#define ANNULUS_DOTPROD __attribute__((target("dotprod")))
#else
#define ANNULUS_DOTPROD __attribute__((target("arch=armv8.2-a+dotprod")))
#endif

namespace annulus::int_neon_dotprod {

inline void split(const int16_t *q, size_t n, uint8_t *planes) {
  const size_t padded = padded_length(n);
  std::memset(planes, 0, plane_bytes(n));
  int64_t sum = 0;
  for (size_t i = 0; i < n; ++i) {
    const auto low = static_cast<int8_t>(q[i] & 255);
    planes[i] = static_cast<uint8_t>((q[i] - low) >> 8);
    planes[padded + i] = static_cast<uint8_t>(low);
    sum += q[i];
  }
  sum *= 128;
  std::memcpy(planes + 2 * padded, &sum, sizeof sum);
}

ANNULUS_DOTPROD inline void dot(const uint8_t *const *rows, size_t count, const uint8_t *planes,
                                size_t n, int64_t *out) {
  const size_t padded = padded_length(n);
  const auto *query_high = reinterpret_cast<const int8_t *>(planes);
  const auto *query_low = query_high + padded;
  int64_t shift;
  std::memcpy(&shift, planes + 2 * padded, sizeof shift);
  const uint8x16_t sign = vdupq_n_u8(0x80);
  const size_t vector_end = n / 16 * 16;
  for (size_t r = 0; r < count; ++r) {
    const uint8_t *row = rows[r];
    int32x4_t high = vdupq_n_s32(0);
    int32x4_t low = vdupq_n_s32(0);
    for (size_t i = 0; i < vector_end; i += 16) {
      const int8x16_t codes = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(row + i), sign));
      high = vdotq_s32(high, codes, vld1q_s8(query_high + i));
      low = vdotq_s32(low, codes, vld1q_s8(query_low + i));
    }
    int64_t sum = 256 * vaddlvq_s32(high) + vaddlvq_s32(low);
    for (size_t i = vector_end; i < n; ++i) {
      sum += (static_cast<int32_t>(row[i]) - 128) * (256 * query_high[i] + query_low[i]);
    }
    out[r] = sum + shift;
  }
}

ANNULUS_DOTPROD inline void pair_dot(const uint8_t *const *rows, size_t count, const uint8_t *other,
                                     size_t n, int64_t *out) {
  const uint8x16_t sign = vdupq_n_u8(0x80);
  const int8x16_t ones = vdupq_n_s8(1);
  const size_t vector_end = n / 16 * 16;
  int32x4_t other_sum = vdupq_n_s32(0);
  for (size_t i = 0; i < vector_end; i += 16) {
    other_sum =
        vdotq_s32(other_sum, vreinterpretq_s8_u8(veorq_u8(vld1q_u8(other + i), sign)), ones);
  }
  const int64_t shift = 128 * static_cast<int64_t>(vaddlvq_s32(other_sum));
  for (size_t r = 0; r < count; ++r) {
    const uint8_t *row = rows[r];
    int32x4_t sum = vdupq_n_s32(0);
    for (size_t i = 0; i < vector_end; i += 16) {
      const int8x16_t codes = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(row + i), sign));
      sum = vdotq_s32(sum, codes, vreinterpretq_s8_u8(veorq_u8(vld1q_u8(other + i), sign)));
    }
    const uint8_t *tail = row + vector_end;
    int_scalar::pair_dot(&tail, 1, other + vector_end, n - vector_end, out + r);
    out[r] += vaddlvq_s32(sum) + shift;
  }
}

}  // namespace annulus::int_neon_dotprod

#endif
