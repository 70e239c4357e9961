// AVX2: VPMADDUBSW multiplies unsigned by signed bytes; the sums of all planes of 32 bytes fit 16
// bits (at most 2 * 4 * 3 * 127 in a lane for 2 bits, 2 * 2 * 15 * 127 for 4).
#pragma once

#include <annulus/cpu.h>

#if defined(ANNULUS_X86)
#include <annulus/kernels/intrinsics.h>

#include "packed_scalar.h"

namespace annulus::packed_avx2 {

template <uint32_t Bits>
ANNULUS_AVX2 inline int32_t row_dot(const uint8_t *row, const int8_t *planes, size_t stride,
                                    size_t row_bytes) {
  const __m256i mask = _mm256_set1_epi8((1 << Bits) - 1);
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sums = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + 32 <= row_bytes; i += 32) {
    __m256i codes = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(row + i));
    __m256i products = _mm256_setzero_si256();
    for (uint32_t plane = 0; plane < 8 / Bits; ++plane) {
      const __m256i query =
          _mm256_load_si256(reinterpret_cast<const __m256i *>(planes + plane * stride + i));
      products =
          _mm256_add_epi16(products, _mm256_maddubs_epi16(_mm256_and_si256(codes, mask), query));
      codes = _mm256_srli_epi16(codes, Bits);
    }
    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(products, ones));
  }
  __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
  return _mm_cvtsi128_si32(half) +
         packed_scalar::bytes_dot<Bits>(row, planes, stride, i, row_bytes);
}

template <uint32_t Bits>
ANNULUS_AVX2 inline void dot(const uint8_t *const *rows, size_t count, const int8_t *planes,
                             size_t row_bytes, int32_t *out) {
  const size_t stride = packed_plane_stride(row_bytes);
  for (size_t r = 0; r < count; ++r) out[r] = row_dot<Bits>(rows[r], planes, stride, row_bytes);
}

}  // namespace annulus::packed_avx2

#endif
