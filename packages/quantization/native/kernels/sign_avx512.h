// AVX-512 BW: 64 bits are a mask register, so that a word of a row is one masked load and one
// VPSADBW.
#pragma once

#include <annulus/cpu.h>

#if defined(ANNULUS_X86)
#include <annulus/kernels/intrinsics.h>

#include <cstddef>
#include <cstdint>

#include "sign_scalar.h"

namespace annulus::sign_avx512 {

template <int R>
ANNULUS_AVX512 inline void agreement_rows(const uint8_t *const *rows, const uint8_t *magnitudes,
                                          const uint64_t *negative, size_t words, int64_t *out) {
  const __m512i zero = _mm512_setzero_si512();
  __m512i sums[R];
  for (int r = 0; r < R; ++r) sums[r] = zero;
  for (size_t w = 0; w < words; ++w) {
    const __m512i all = _mm512_load_si512(magnitudes + 64 * w);
    for (int r = 0; r < R; ++r) {
      const __mmask64 agreeing = sign_scalar::word_at(rows[r], w) ^ negative[w];
      sums[r] =
          _mm512_add_epi64(sums[r], _mm512_sad_epu8(_mm512_maskz_mov_epi8(agreeing, all), zero));
    }
  }
  for (int r = 0; r < R; ++r) out[r] = _mm512_reduce_add_epi64(sums[r]);
}

ANNULUS_AVX512 inline void agreement(const uint8_t *const *rows, size_t count,
                                     const uint8_t *magnitudes, const uint64_t *negative,
                                     size_t words, int64_t *out) {
  size_t r = 0;
  for (; r + 4 <= count; r += 4) {
    agreement_rows<4>(rows + r, magnitudes, negative, words, out + r);
  }
  for (; r < count; ++r) agreement_rows<1>(rows + r, magnitudes, negative, words, out + r);
}

}  // namespace annulus::sign_avx512

#endif
