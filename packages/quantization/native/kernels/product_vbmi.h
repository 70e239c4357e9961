// AVX-512 with VBMI: sums over the tables of 64 rows at a time. VPERMI2B looks 64 bytes up in 128,
// so a table of 256 entries, kept as a plane of low and one of high bytes, fits eight registers.
// The codes of 64 rows are transposed in registers, so rows may lie anywhere.
//
// Without VBMI the plain loop of product_loops.h stays: shuffles of AVX2 look up no more than 16
// entries, and gathers are untried.
#pragma once

#include <annulus/cpu.h>

#if defined(ANNULUS_X86)
#include <annulus/kernels/intrinsics.h>

#include "product_loops.h"

#define ANNULUS_VBMI \
  ANNULUS_TARGET("avx512vbmi,avx512vnni,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2,popcnt")

namespace annulus::product_vbmi {

/// Fewer rows than these are summed faster one by one.
constexpr size_t rows_min = 8;
constexpr size_t lanes = 64;
constexpr size_t columns = 16;
constexpr size_t plane = centroid_count;

/// Low bytes, then high bytes of a table.
ANNULUS_VBMI inline void split(const uint16_t *table, uint8_t *planes) {
  for (size_t k = 0; k < centroid_count; k += 32) {
    const __m512i entries = _mm512_loadu_si512(table + k);
    const auto at = [&](size_t p) { return reinterpret_cast<__m256i *>(planes + p * plane + k); };
    _mm256_storeu_si256(at(0), _mm512_cvtepi16_epi8(entries));
    _mm256_storeu_si256(at(1), _mm512_cvtepi16_epi8(_mm512_srli_epi16(entries, 8)));
  }
}

// One step of four: bytes of registers i and i + 8 alternate.
ANNULUS_VBMI inline void interleave(const __m512i *in, __m512i *out) {
  for (size_t i = 0; i < columns / 2; ++i) {
    out[2 * i] = _mm512_unpacklo_epi8(in[i], in[i + columns / 2]);
    out[2 * i + 1] = _mm512_unpackhi_epi8(in[i], in[i + columns / 2]);
  }
}

// out[c] = byte `at + c` of the 64 rows; only bytes in `live` are read.
template <bool Whole>
ANNULUS_VBMI inline void take_columns(const uint8_t *const *rows, size_t at, __mmask16 live,
                                      __m512i *out) {
  __m512i other[columns];
  for (size_t i = 0; i < columns; ++i) {
    __m128i part[4];
    for (size_t lane = 0; lane < 4; ++lane) {
      const uint8_t *from = rows[columns * lane + i] + at;
      part[lane] = Whole ? _mm_loadu_si128(reinterpret_cast<const __m128i *>(from))
                         : _mm_maskz_loadu_epi8(live, from);
    }
    __m512i joined = _mm512_castsi128_si512(part[0]);
    joined = _mm512_mask_broadcast_i32x4(joined, 0x00f0, part[1]);
    joined = _mm512_mask_broadcast_i32x4(joined, 0x0f00, part[2]);
    out[i] = _mm512_mask_broadcast_i32x4(joined, 0xf000, part[3]);
  }
  interleave(out, other);
  interleave(other, out);
  interleave(out, other);
  interleave(other, out);
}

ANNULUS_VBMI inline __m512i look_up(const uint8_t *bytes, __m512i index, __mmask64 upper) {
  const __m512i low =
      _mm512_permutex2var_epi8(_mm512_loadu_si512(bytes), index, _mm512_loadu_si512(bytes + 64));
  const __m512i high = _mm512_permutex2var_epi8(_mm512_loadu_si512(bytes + 128), index,
                                                _mm512_loadu_si512(bytes + 192));
  return _mm512_mask_blend_epi8(upper, low, high);
}

// Sums of bytes in 16-bit lanes: `all` of whole lanes, `odd` of their upper bytes. What the upper
// bytes add to `all` is taken off at the end. Room for 257 additions.
struct ByteSums {
  __m512i all;
  __m512i odd;
};

ANNULUS_VBMI inline void add(ByteSums &sums, __m512i bytes) {
  sums.all = _mm512_add_epi16(sums.all, bytes);
  sums.odd = _mm512_add_epi16(sums.odd, _mm512_srli_epi16(bytes, 8));
}

// totals[0..16) += low + 256 high, of 16 of the 32 lanes.
ANNULUS_VBMI inline void add_totals(__m256i low, __m256i high, uint32_t *totals) {
  const __m512i sum = _mm512_add_epi32(_mm512_cvtepu16_epi32(low),
                                       _mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 8));
  _mm512_storeu_si512(totals, _mm512_add_epi32(_mm512_loadu_si512(totals), sum));
}

// To the totals of the even rows, then of the odd ones.
ANNULUS_VBMI inline void flush(const ByteSums &low, const ByteSums &high, uint32_t *totals) {
  const __m512i sums[4] = {_mm512_sub_epi16(low.all, _mm512_slli_epi16(low.odd, 8)),
                           _mm512_sub_epi16(high.all, _mm512_slli_epi16(high.odd, 8)), low.odd,
                           high.odd};
  for (size_t odd = 0; odd < 2; ++odd) {
    const __m512i *pair = sums + 2 * odd;
    add_totals(_mm512_castsi512_si256(pair[0]), _mm512_castsi512_si256(pair[1]), totals + 32 * odd);
    add_totals(_mm512_extracti64x4_epi64(pair[0], 1), _mm512_extracti64x4_epi64(pair[1], 1),
               totals + 32 * odd + 16);
  }
}

ANNULUS_VBMI inline void sum_64(const uint8_t *const *rows, const uint8_t *planes, size_t subspaces,
                                uint32_t *totals) {
  constexpr size_t flush_every = 256;
  const __m512i zero = _mm512_setzero_si512();
  for (size_t start = 0; start < subspaces; start += flush_every) {
    const size_t end = start + flush_every < subspaces ? start + flush_every : subspaces;
    ByteSums low = {zero, zero};
    ByteSums high = {zero, zero};
    for (size_t at = start; at < end; at += columns) {
      const size_t count = end - at < columns ? end - at : columns;
      __m512i codes[columns];
      if (count == columns) {
        take_columns<true>(rows, at, 0, codes);
      } else {
        take_columns<false>(rows, at, static_cast<__mmask16>((1u << count) - 1), codes);
      }
      const uint8_t *tables = planes + 2 * plane * at;
      for (size_t c = 0; c < count; ++c, tables += 2 * plane) {
        const __mmask64 upper = _mm512_movepi8_mask(codes[c]);
        add(low, look_up(tables, codes[c], upper));
        add(high, look_up(tables + plane, codes[c], upper));
      }
    }
    flush(low, high, totals);
  }
}

ANNULUS_VBMI inline void sum(const uint8_t *const *rows, size_t count, const uint16_t *table,
                             const uint8_t *planes, size_t subspaces, uint32_t *out) {
  while (count >= rows_min) {
    const size_t used = count < lanes ? count : lanes;
    const uint8_t *all[lanes];
    for (size_t r = 0; r < lanes; ++r) all[r] = rows[r < used ? r : 0];
    uint32_t totals[lanes] = {};
    sum_64(all, planes, subspaces, totals);
    for (size_t r = 0; r < used; ++r) out[r] = totals[32 * (r % 2) + r / 2];
    rows += used;
    out += used;
    count -= used;
  }
  product_loops::sum(rows, count, table, planes, subspaces, out);
}

}  // namespace annulus::product_vbmi

#endif
