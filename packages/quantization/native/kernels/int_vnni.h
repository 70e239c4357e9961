// AVX-512 VNNI: VPDPBUSD multiplies unsigned by signed bytes, four to a lane, 64 to an instruction.
//
// The one subtle rule: a 16-bit query component q is split as 256 high + low with both signed
// bytes, so two byte products give the exact 16-bit product; no 32-bit lane overflows up to
// max_int_length.
#pragma once

#include <annulus/cpu.h>

#if defined(ANNULUS_X86)
#include <annulus/kernels/intrinsics.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "int_kernels.h"
#include "sum4_avx512.h"

namespace annulus::int_vnni {

// Planes: high bytes from 0 on, low bytes from padded_length(n) on, zeros behind both.
inline void split(const int16_t *q, size_t n, uint8_t *planes) {
  const size_t padded = padded_length(n);
  std::memset(planes, 0, plane_bytes(n));
  for (size_t i = 0; i < n; ++i) {
    const auto low = static_cast<int8_t>(q[i] & 255);
    planes[i] = static_cast<uint8_t>((q[i] - low) >> 8);
    planes[padded + i] = static_cast<uint8_t>(low);
  }
}

ANNULUS_AVX512_VNNI inline __mmask64 first_bytes(size_t n) { return _bzhi_u64(~0ULL, n); }

ANNULUS_AVX512_VNNI inline void dot_rows4(const uint8_t *const *rows, const uint8_t *planes,
                                          size_t n, int64_t *out) {
  const size_t padded = padded_length(n);
  const uint8_t *const row0 = rows[0];
  const uint8_t *const row1 = rows[1];
  const uint8_t *const row2 = rows[2];
  const uint8_t *const row3 = rows[3];
  __m512i high[4];
  __m512i low[4];
  for (int r = 0; r < 4; ++r) high[r] = low[r] = _mm512_setzero_si512();
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    const __m512i query_high = _mm512_load_si512(planes + i);
    const __m512i query_low = _mm512_load_si512(planes + padded + i);
    const __m512i codes[4] = {_mm512_loadu_si512(row0 + i), _mm512_loadu_si512(row1 + i),
                              _mm512_loadu_si512(row2 + i), _mm512_loadu_si512(row3 + i)};
    for (int r = 0; r < 4; ++r) {
      high[r] = _mm512_dpbusd_epi32(high[r], codes[r], query_high);
      low[r] = _mm512_dpbusd_epi32(low[r], codes[r], query_low);
    }
  }
  if (i < n) {
    const __mmask64 tail = first_bytes(n - i);
    const __m512i query_high = _mm512_load_si512(planes + i);
    const __m512i query_low = _mm512_load_si512(planes + padded + i);
    for (int r = 0; r < 4; ++r) {
      const __m512i codes = _mm512_maskz_loadu_epi8(tail, rows[r] + i);
      high[r] = _mm512_dpbusd_epi32(high[r], codes, query_high);
      low[r] = _mm512_dpbusd_epi32(low[r], codes, query_low);
    }
  }
  const __m256i highs = _mm256_cvtepi32_epi64(sum4(high[0], high[1], high[2], high[3]));
  const __m256i lows = _mm256_cvtepi32_epi64(sum4(low[0], low[1], low[2], low[3]));
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(out),
                      _mm256_add_epi64(_mm256_slli_epi64(highs, 8), lows));
}

ANNULUS_AVX512_VNNI inline void dot_row(const uint8_t *row, const uint8_t *planes, size_t n,
                                        int64_t *out) {
  const uint8_t *low_plane = planes + padded_length(n);
  __m512i high0 = _mm512_setzero_si512(), high1 = high0, low0 = high0, low1 = high0;
  size_t i = 0;
  for (; i + 128 <= n; i += 128) {
    const __m512i codes0 = _mm512_loadu_si512(row + i);
    const __m512i codes1 = _mm512_loadu_si512(row + i + 64);
    high0 = _mm512_dpbusd_epi32(high0, codes0, _mm512_load_si512(planes + i));
    low0 = _mm512_dpbusd_epi32(low0, codes0, _mm512_load_si512(low_plane + i));
    high1 = _mm512_dpbusd_epi32(high1, codes1, _mm512_load_si512(planes + i + 64));
    low1 = _mm512_dpbusd_epi32(low1, codes1, _mm512_load_si512(low_plane + i + 64));
  }
  for (; i < n; i += 64) {
    const __mmask64 mask = first_bytes(n - i < 64 ? n - i : 64);
    const __m512i codes = _mm512_maskz_loadu_epi8(mask, row + i);
    high0 = _mm512_dpbusd_epi32(high0, codes, _mm512_load_si512(planes + i));
    low0 = _mm512_dpbusd_epi32(low0, codes, _mm512_load_si512(low_plane + i));
  }
  *out = 256 * static_cast<int64_t>(_mm512_reduce_add_epi32(_mm512_add_epi32(high0, high1))) +
         _mm512_reduce_add_epi32(_mm512_add_epi32(low0, low1));
}

ANNULUS_AVX512_VNNI inline void dot(const uint8_t *const *rows, size_t count, const uint8_t *planes,
                                    size_t n, int64_t *out) {
  size_t r = 0;
  for (; r + 4 <= count; r += 4) dot_rows4(rows + r, planes, n, out + r);
  for (; r < count; ++r) dot_row(rows[r], planes, n, out + r);
}

ANNULUS_AVX512_VNNI inline __m512i around_128(__m512i codes) {
  return _mm512_xor_si512(codes, _mm512_set1_epi8(static_cast<char>(0x80)));
}

ANNULUS_AVX512_VNNI inline void pair_dot_rows4(const uint8_t *const *rows, const uint8_t *row,
                                               size_t n, int64_t *out) {
  const uint8_t *const row0 = rows[0];
  const uint8_t *const row1 = rows[1];
  const uint8_t *const row2 = rows[2];
  const uint8_t *const row3 = rows[3];
  __m512i sums[4];
  for (int r = 0; r < 4; ++r) sums[r] = _mm512_setzero_si512();
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    const __m512i other = around_128(_mm512_loadu_si512(row + i));
    sums[0] = _mm512_dpbusd_epi32(sums[0], _mm512_loadu_si512(row0 + i), other);
    sums[1] = _mm512_dpbusd_epi32(sums[1], _mm512_loadu_si512(row1 + i), other);
    sums[2] = _mm512_dpbusd_epi32(sums[2], _mm512_loadu_si512(row2 + i), other);
    sums[3] = _mm512_dpbusd_epi32(sums[3], _mm512_loadu_si512(row3 + i), other);
  }
  if (i < n) {
    const __mmask64 tail = first_bytes(n - i);
    const __m512i other = around_128(_mm512_maskz_loadu_epi8(tail, row + i));
    for (int r = 0; r < 4; ++r) {
      // Codes past the end are loaded as 0, so that what `other` holds there does not matter.
      sums[r] = _mm512_dpbusd_epi32(sums[r], _mm512_maskz_loadu_epi8(tail, rows[r] + i), other);
    }
  }
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(out),
                      _mm256_cvtepi32_epi64(sum4(sums[0], sums[1], sums[2], sums[3])));
}

ANNULUS_AVX512_VNNI inline void pair_dot_row(const uint8_t *codes, const uint8_t *row, size_t n,
                                             int64_t *out) {
  __m512i sum0 = _mm512_setzero_si512(), sum1 = sum0;
  size_t i = 0;
  for (; i + 128 <= n; i += 128) {
    sum0 = _mm512_dpbusd_epi32(sum0, _mm512_loadu_si512(codes + i),
                               around_128(_mm512_loadu_si512(row + i)));
    sum1 = _mm512_dpbusd_epi32(sum1, _mm512_loadu_si512(codes + i + 64),
                               around_128(_mm512_loadu_si512(row + i + 64)));
  }
  for (; i < n; i += 64) {
    const __mmask64 mask = first_bytes(n - i < 64 ? n - i : 64);
    sum0 = _mm512_dpbusd_epi32(sum0, _mm512_maskz_loadu_epi8(mask, codes + i),
                               around_128(_mm512_maskz_loadu_epi8(mask, row + i)));
  }
  *out = _mm512_reduce_add_epi32(_mm512_add_epi32(sum0, sum1));
}

ANNULUS_AVX512_VNNI inline void pair_dot(const uint8_t *const *rows, size_t count,
                                         const uint8_t *row, size_t n, int64_t *out) {
  size_t r = 0;
  for (; r + 4 <= count; r += 4) pair_dot_rows4(rows + r, row, n, out + r);
  for (; r < count; ++r) pair_dot_row(rows[r], row, n, out + r);
}

}  // namespace annulus::int_vnni

#endif
