// AVX-512: VPDPBUSD (VNNI) multiplies 64 unsigned by 64 signed bytes and adds them up in one
// instruction; without it VPMADDUBSW and VPMADDWD do the same in two.
#pragma once

#include <annulus/cpu.h>

#if defined(ANNULUS_X86)
#include <annulus/kernels/intrinsics.h>

#include "packed_kernels.h"
#include "sum4_avx512.h"

// The two levels differ in one instruction; a template cannot carry a target, so a macro does.
#define ANNULUS_PACKED_AVX512(space, target, multiply_add)                                     \
  namespace annulus::space {                                                                   \
  target inline __m512i multiply(__m512i sums, __m512i codes, __m512i query) { multiply_add; } \
  template <uint32_t Bits, int R>                                                              \
  target inline void rows_dot(const uint8_t *const *rows, const int8_t *planes, size_t stride, \
                              size_t row_bytes, int32_t *out) {                                \
    const __m512i mask = _mm512_set1_epi8((1 << Bits) - 1);                                    \
    __m512i sums[R];                                                                           \
    for (int r = 0; r < R; ++r) sums[r] = _mm512_setzero_si512();                              \
    for (size_t i = 0; i < row_bytes; i += 64) {                                               \
      const __mmask64 live = _bzhi_u64(~0ULL, row_bytes - i < 64 ? row_bytes - i : 64);        \
      __m512i codes[R];                                                                        \
      for (int r = 0; r < R; ++r) codes[r] = _mm512_maskz_loadu_epi8(live, rows[r] + i);       \
      for (uint32_t plane = 0; plane < 8 / Bits; ++plane) {                                    \
        const __m512i query = _mm512_load_si512(planes + plane * stride + i);                  \
        for (int r = 0; r < R; ++r) {                                                          \
          sums[r] = multiply(sums[r], _mm512_and_si512(codes[r], mask), query);                \
          codes[r] = _mm512_srli_epi16(codes[r], Bits);                                        \
        }                                                                                      \
      }                                                                                        \
    }                                                                                          \
    if constexpr (R == 4) {                                                                    \
      _mm_storeu_si128(reinterpret_cast<__m128i *>(out),                                       \
                       sum4(sums[0], sums[1], sums[2], sums[3]));                              \
    } else {                                                                                   \
      for (int r = 0; r < R; ++r) out[r] = _mm512_reduce_add_epi32(sums[r]);                   \
    }                                                                                          \
  }                                                                                            \
  template <uint32_t Bits>                                                                     \
  target inline void dot(const uint8_t *const *rows, size_t count, const int8_t *planes,       \
                         size_t row_bytes, int32_t *out) {                                     \
    const size_t stride = packed_plane_stride(row_bytes);                                      \
    size_t r = 0;                                                                              \
    for (; r + 4 <= count; r += 4)                                                             \
      rows_dot<Bits, 4>(rows + r, planes, stride, row_bytes, out + r);                         \
    for (; r < count; ++r) rows_dot<Bits, 1>(rows + r, planes, stride, row_bytes, out + r);    \
  }                                                                                            \
  }

ANNULUS_PACKED_AVX512(packed_avx512, ANNULUS_AVX512,
                      return _mm512_add_epi32(sums,
                                              _mm512_madd_epi16(_mm512_maddubs_epi16(codes, query),
                                                                _mm512_set1_epi16(1))))
ANNULUS_PACKED_AVX512(packed_vnni, ANNULUS_AVX512_VNNI,
                      return _mm512_dpbusd_epi32(sums, codes, query))

#endif
