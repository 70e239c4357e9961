// AVX2: bits spread to byte masks, masked magnitudes summed by VPSADBW; POPCNT for pairs.
#pragma once

#include <annulus/cpu.h>

#if defined(ANNULUS_X86)
#include <annulus/kernels/intrinsics.h>

#include <cstddef>
#include <cstdint>

#include "sign_scalar.h"

namespace annulus::sign_avx2 {

// Byte i is all ones where bit i is set.
ANNULUS_AVX2 inline __m256i byte_mask(uint32_t bits) {
  const __m256i spread = _mm256_setr_epi64x(0x0000000000000000, 0x0101010101010101,
                                            0x0202020202020202, 0x0303030303030303);
  const __m256i bit = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201u));
  const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(bits)), spread);
  return _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
}

template <int R>
ANNULUS_AVX2 inline void agreement_rows(const uint8_t *const *rows, const uint8_t *magnitudes,
                                        const uint64_t *negative, size_t words, int64_t *out) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i sums[R];
  for (int r = 0; r < R; ++r) sums[r] = zero;
  for (size_t w = 0; w < words; ++w) {
    const auto *at = reinterpret_cast<const __m256i *>(magnitudes + 64 * w);
    const __m256i front = _mm256_load_si256(at);
    const __m256i back = _mm256_load_si256(at + 1);
    for (int r = 0; r < R; ++r) {
      const uint64_t bits = sign_scalar::word_at(rows[r], w) ^ negative[w];
      const __m256i low = _mm256_and_si256(front, byte_mask(static_cast<uint32_t>(bits)));
      const __m256i high = _mm256_and_si256(back, byte_mask(static_cast<uint32_t>(bits >> 32)));
      sums[r] = _mm256_add_epi64(
          sums[r], _mm256_add_epi64(_mm256_sad_epu8(low, zero), _mm256_sad_epu8(high, zero)));
    }
  }
  for (int r = 0; r < R; ++r) {
    const __m128i half =
        _mm_add_epi64(_mm256_castsi256_si128(sums[r]), _mm256_extracti128_si256(sums[r], 1));
    out[r] = _mm_extract_epi64(half, 0) + _mm_extract_epi64(half, 1);
  }
}

ANNULUS_AVX2 inline void agreement(const uint8_t *const *rows, size_t count,
                                   const uint8_t *magnitudes, const uint64_t *negative,
                                   size_t words, int64_t *out) {
  size_t r = 0;
  for (; r + 4 <= count; r += 4) {
    agreement_rows<4>(rows + r, magnitudes, negative, words, out + r);
  }
  for (; r < count; ++r) agreement_rows<1>(rows + r, magnitudes, negative, words, out + r);
}

ANNULUS_AVX2 inline void weighted(const uint8_t *const *rows, size_t count, const uint64_t *planes,
                                  size_t words, int32_t *out) {
  const size_t stride = (words + 7) / 8 * 8;
  for (size_t r = 0; r < count; ++r) {
    int64_t sum = 0;
    for (size_t w = 0; w < words; ++w) {
      const uint64_t bits = sign_scalar::word_at(rows[r], w);
      sum += _mm_popcnt_u64(bits & planes[w]) + 2 * _mm_popcnt_u64(bits & planes[stride + w]) +
             4 * _mm_popcnt_u64(bits & planes[2 * stride + w]) -
             8 * _mm_popcnt_u64(bits & planes[3 * stride + w]);
    }
    out[r] = static_cast<int32_t>(sum);
  }
}

ANNULUS_AVX2 inline void differing(const uint8_t *const *rows, size_t count, const uint8_t *row,
                                   size_t words, uint32_t *out) {
  for (size_t r = 0; r < count; ++r) {
    int64_t sum = 0;
    for (size_t w = 0; w < words; ++w) {
      sum += _mm_popcnt_u64(sign_scalar::word_at(rows[r], w) ^ sign_scalar::word_at(row, w));
    }
    out[r] = static_cast<uint32_t>(sum);
  }
}

}  // namespace annulus::sign_avx2

#endif
