// AVX-512 BW: as the AVX2 kernels, twice as wide, with masked tails.
#pragma once

#include <annulus/cpu.h>

#if defined(ANNULUS_X86)
#include <annulus/kernels/intrinsics.h>

#include <cstddef>
#include <cstdint>

namespace annulus::int_avx512 {

// One VPMADDWD adds at most 2 * 255 * 32639 to a 32-bit lane, so 128 of them fit.
constexpr size_t block = 128 * 32;

ANNULUS_AVX512 inline __mmask64 first_bytes(size_t n) { return _bzhi_u64(~0ULL, n); }
ANNULUS_AVX512 inline __mmask32 first_words(size_t n) { return _bzhi_u32(~0U, n); }

ANNULUS_AVX512 inline int64_t sum32(__m512i v) {
  return _mm512_reduce_add_epi64(
      _mm512_add_epi64(_mm512_cvtepi32_epi64(_mm512_castsi512_si256(v)),
                       _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(v, 1))));
}

template <int R>
ANNULUS_AVX512 inline void dot_rows(const uint8_t *const *rows, const int16_t *q, size_t n,
                                    int64_t *out) {
  for (int r = 0; r < R; ++r) out[r] = 0;
  size_t i = 0;
  while (i < n) {
    const size_t end = n - i < block ? n : i + block;
    __m512i sums[R];
    for (int r = 0; r < R; ++r) sums[r] = _mm512_setzero_si512();
    for (; i + 32 <= end; i += 32) {
      const __m512i query = _mm512_loadu_si512(q + i);
      for (int r = 0; r < R; ++r) {
        const __m512i codes = _mm512_cvtepu8_epi16(
            _mm256_loadu_si256(reinterpret_cast<const __m256i *>(rows[r] + i)));
        sums[r] = _mm512_add_epi32(sums[r], _mm512_madd_epi16(codes, query));
      }
    }
    if (i < end) {
      const __mmask32 tail = first_words(end - i);
      const __m512i query = _mm512_maskz_loadu_epi16(tail, q + i);
      for (int r = 0; r < R; ++r) {
        const __m512i codes = _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(tail, rows[r] + i));
        sums[r] = _mm512_add_epi32(sums[r], _mm512_madd_epi16(codes, query));
      }
      i = end;
    }
    for (int r = 0; r < R; ++r) out[r] += sum32(sums[r]);
  }
}

ANNULUS_AVX512 inline void dot(const uint8_t *const *rows, size_t count, const uint8_t *planes,
                               size_t n, int64_t *out) {
  const auto *q = reinterpret_cast<const int16_t *>(planes);
  size_t r = 0;
  for (; r + 4 <= count; r += 4) dot_rows<4>(rows + r, q, n, out + r);
  for (; r < count; ++r) dot_rows<1>(rows + r, q, n, out + r);
}

template <int R>
ANNULUS_AVX512 inline void pair_dot_rows(const uint8_t *const *rows, const uint8_t *row, size_t n,
                                         int64_t *out) {
  const __m512i middle = _mm512_set1_epi16(128);
  __m512i sums[R];
  for (int r = 0; r < R; ++r) sums[r] = _mm512_setzero_si512();
  for (size_t i = 0; i < n; i += 32) {
    const __mmask32 mask = first_words(n - i < 32 ? n - i : 32);
    const __m512i other =
        _mm512_sub_epi16(_mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(mask, row + i)), middle);
    for (int r = 0; r < R; ++r) {
      // Codes past the end are loaded as 0, so that what `other` holds there does not matter.
      const __m512i codes = _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(mask, rows[r] + i));
      sums[r] = _mm512_add_epi32(sums[r], _mm512_madd_epi16(codes, other));
    }
  }
  for (int r = 0; r < R; ++r) out[r] = sum32(sums[r]);
}

ANNULUS_AVX512 inline void pair_dot(const uint8_t *const *rows, size_t count, const uint8_t *row,
                                    size_t n, int64_t *out) {
  size_t r = 0;
  for (; r + 4 <= count; r += 4) pair_dot_rows<4>(rows + r, row, n, out + r);
  for (; r < count; ++r) pair_dot_rows<1>(rows + r, row, n, out + r);
}

template <int R>
ANNULUS_AVX512 inline void l1_rows(const uint8_t *const *rows, const uint8_t *whole,
                                   const uint8_t *part, size_t n, int64_t *out) {
  const __m512i zero = _mm512_setzero_si512();
  __m512i steps[R];
  __m512i parts[R];
  for (int r = 0; r < R; ++r) steps[r] = parts[r] = zero;
  for (size_t i = 0; i < n; i += 64) {
    const __mmask64 mask = first_bytes(n - i < 64 ? n - i : 64);
    const __m512i level = _mm512_maskz_loadu_epi8(mask, whole + i);
    const __m512i fraction = _mm512_maskz_loadu_epi8(mask, part + i);
    for (int r = 0; r < R; ++r) {
      const __m512i code = _mm512_maskz_loadu_epi8(mask, rows[r] + i);
      steps[r] = _mm512_add_epi64(steps[r], _mm512_sad_epu8(code, level));
      const __mmask64 above = _mm512_cmpgt_epu8_mask(code, level);
      parts[r] =
          _mm512_add_epi64(parts[r], _mm512_sad_epu8(_mm512_maskz_mov_epi8(above, fraction), zero));
    }
  }
  for (int r = 0; r < R; ++r) {
    out[r] = 256 * _mm512_reduce_add_epi64(steps[r]) - 2 * _mm512_reduce_add_epi64(parts[r]);
  }
}

ANNULUS_AVX512 inline void l1(const uint8_t *const *rows, size_t count, const uint8_t *whole,
                              const uint8_t *part, size_t n, int64_t *out) {
  size_t r = 0;
  for (; r + 4 <= count; r += 4) l1_rows<4>(rows + r, whole, part, n, out + r);
  for (; r < count; ++r) l1_rows<1>(rows + r, whole, part, n, out + r);
}

template <int R>
ANNULUS_AVX512 inline void pair_l1_rows(const uint8_t *const *rows, const uint8_t *row, size_t n,
                                        int64_t *out) {
  __m512i steps[R];
  for (int r = 0; r < R; ++r) steps[r] = _mm512_setzero_si512();
  for (size_t i = 0; i < n; i += 64) {
    const __mmask64 mask = first_bytes(n - i < 64 ? n - i : 64);
    const __m512i other = _mm512_maskz_loadu_epi8(mask, row + i);
    for (int r = 0; r < R; ++r) {
      const __m512i code = _mm512_maskz_loadu_epi8(mask, rows[r] + i);
      steps[r] = _mm512_add_epi64(steps[r], _mm512_sad_epu8(code, other));
    }
  }
  for (int r = 0; r < R; ++r) out[r] = _mm512_reduce_add_epi64(steps[r]);
}

ANNULUS_AVX512 inline void pair_l1(const uint8_t *const *rows, size_t count, const uint8_t *row,
                                   size_t n, int64_t *out) {
  size_t r = 0;
  for (; r + 4 <= count; r += 4) pair_l1_rows<4>(rows + r, row, n, out + r);
  for (; r < count; ++r) pair_l1_rows<1>(rows + r, row, n, out + r);
}

}  // namespace annulus::int_avx512

#endif
