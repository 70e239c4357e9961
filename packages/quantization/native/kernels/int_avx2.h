// AVX2: bytes widened to 16 bits for the products (VPMADDWD), VPSADBW for absolute differences.
#pragma once

#include <annulus/cpu.h>

#if defined(ANNULUS_X86)
#include <annulus/kernels/intrinsics.h>

#include <cstddef>
#include <cstdint>

#include "int_scalar.h"

namespace annulus::int_avx2 {

// One VPMADDWD adds at most 2 * 255 * 32639 to a 32-bit lane, so 128 of them fit.
constexpr size_t block = 128 * 16;

ANNULUS_AVX2 inline __m256i widen(const uint8_t *p) {
  return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p)));
}

ANNULUS_AVX2 inline __m256i load(const void *p) {
  return _mm256_loadu_si256(static_cast<const __m256i *>(p));
}

ANNULUS_AVX2 inline int64_t sum64(__m256i v) {
  const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  return _mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1);
}

ANNULUS_AVX2 inline int64_t sum32(__m256i v) {
  return sum64(_mm256_add_epi64(_mm256_cvtepi32_epi64(_mm256_castsi256_si128(v)),
                                _mm256_cvtepi32_epi64(_mm256_extracti128_si256(v, 1))));
}

template <int R>
ANNULUS_AVX2 inline void dot_rows(const uint8_t *const *rows, const int16_t *q, size_t n,
                                  int64_t *out) {
  for (int r = 0; r < R; ++r) out[r] = 0;
  size_t i = 0;
  while (i + 16 <= n) {
    const size_t end = n - i < block ? n : i + block;
    __m256i sums[R];
    for (int r = 0; r < R; ++r) sums[r] = _mm256_setzero_si256();
    for (; i + 16 <= end; i += 16) {
      const __m256i query = load(q + i);
      for (int r = 0; r < R; ++r) {
        sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(widen(rows[r] + i), query));
      }
    }
    for (int r = 0; r < R; ++r) out[r] += sum32(sums[r]);
  }
  for (; i < n; ++i) {
    for (int r = 0; r < R; ++r) out[r] += static_cast<int32_t>(rows[r][i]) * q[i];
  }
}

ANNULUS_AVX2 inline void dot(const uint8_t *const *rows, size_t count, const uint8_t *planes,
                             size_t n, int64_t *out) {
  const auto *q = reinterpret_cast<const int16_t *>(planes);
  size_t r = 0;
  for (; r + 4 <= count; r += 4) dot_rows<4>(rows + r, q, n, out + r);
  for (; r < count; ++r) dot_rows<1>(rows + r, q, n, out + r);
}

template <int R>
ANNULUS_AVX2 inline void pair_dot_rows(const uint8_t *const *rows, const uint8_t *row, size_t n,
                                       int64_t *out) {
  const __m256i middle = _mm256_set1_epi16(128);
  __m256i sums[R];
  for (int r = 0; r < R; ++r) sums[r] = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const __m256i other = _mm256_sub_epi16(widen(row + i), middle);
    for (int r = 0; r < R; ++r) {
      sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(widen(rows[r] + i), other));
    }
  }
  for (int r = 0; r < R; ++r) out[r] = sum32(sums[r]);
  for (; i < n; ++i) {
    for (int r = 0; r < R; ++r) out[r] += static_cast<int32_t>(rows[r][i]) * (row[i] - 128);
  }
}

ANNULUS_AVX2 inline void pair_dot(const uint8_t *const *rows, size_t count, const uint8_t *row,
                                  size_t n, int64_t *out) {
  size_t r = 0;
  for (; r + 4 <= count; r += 4) pair_dot_rows<4>(rows + r, row, n, out + r);
  for (; r < count; ++r) pair_dot_rows<1>(rows + r, row, n, out + r);
}

ANNULUS_AVX2 inline void l1(const uint8_t *const *rows, size_t count, const uint8_t *whole,
                            const uint8_t *part, size_t n, int64_t *out) {
  const __m256i zero = _mm256_setzero_si256();
  const size_t vector_end = n / 32 * 32;
  for (size_t r = 0; r < count; ++r) {
    const uint8_t *row = rows[r];
    __m256i steps = zero;
    __m256i parts = zero;
    for (size_t i = 0; i < vector_end; i += 32) {
      const __m256i code = load(row + i);
      const __m256i level = load(whole + i);
      steps = _mm256_add_epi64(steps, _mm256_sad_epu8(code, level));
      const __m256i below = _mm256_cmpeq_epi8(_mm256_subs_epu8(code, level), zero);
      parts = _mm256_add_epi64(parts,
                               _mm256_sad_epu8(_mm256_andnot_si256(below, load(part + i)), zero));
    }
    const uint8_t *tail = row + vector_end;
    int_scalar::l1(&tail, 1, whole + vector_end, part + vector_end, n - vector_end, out + r);
    out[r] += 256 * sum64(steps) - 2 * sum64(parts);
  }
}

ANNULUS_AVX2 inline void pair_l1(const uint8_t *const *rows, size_t count, const uint8_t *other,
                                 size_t n, int64_t *out) {
  const size_t vector_end = n / 32 * 32;
  for (size_t r = 0; r < count; ++r) {
    const uint8_t *row = rows[r];
    __m256i steps = _mm256_setzero_si256();
    for (size_t i = 0; i < vector_end; i += 32) {
      steps = _mm256_add_epi64(steps, _mm256_sad_epu8(load(row + i), load(other + i)));
    }
    const uint8_t *tail = row + vector_end;
    int_scalar::pair_l1(&tail, 1, other + vector_end, n - vector_end, out + r);
    out[r] += sum64(steps);
  }
}

}  // namespace annulus::int_avx2

#endif
