// The first four stages of a Hadamard transform, inside of 16 values: each value becomes its
// partner plus or minus itself.
//
// The one subtle rule: additions in one order, so all instruction sets agree bit for bit.
#pragma once

#include <annulus/cpu.h>
#include <annulus/kernels/intrinsics.h>

#include <cstddef>

namespace annulus::hadamard_near {

constexpr size_t lanes = 16;

template <size_t Step>
inline void stage(float *values) {
  float mixed[lanes];
  for (size_t i = 0; i < lanes; ++i) {
    const float own = (i & Step) != 0 ? -values[i] : values[i];
    mixed[i] = values[i ^ Step] + own;
  }
  for (size_t i = 0; i < lanes; ++i) values[i] = mixed[i];
}

/// The reference; n is a multiple of 16, here as below.
inline void scalar(float *values, size_t n) {
  for (size_t i = 0; i < n; i += lanes) {
    stage<1>(values + i);
    stage<2>(values + i);
    stage<4>(values + i);
    stage<8>(values + i);
  }
}

#if defined(ANNULUS_X86)

// `partner` plus the value, or minus it where a bit of the mask is set.
ANNULUS_AVX512 inline __m512 mix(__m512 partner, __m512 own, __mmask16 minus) {
  return _mm512_mask_sub_ps(_mm512_add_ps(partner, own), minus, partner, own);
}

ANNULUS_AVX512 inline void avx512(float *values, size_t n) {
  for (size_t i = 0; i < n; i += lanes) {
    __m512 v = _mm512_loadu_ps(values + i);
    v = mix(_mm512_permute_ps(v, 0xb1), v, 0xaaaa);
    v = mix(_mm512_permute_ps(v, 0x4e), v, 0xcccc);
    v = mix(_mm512_shuffle_f32x4(v, v, 0xb1), v, 0xf0f0);
    v = mix(_mm512_shuffle_f32x4(v, v, 0x4e), v, 0xff00);
    _mm512_storeu_ps(values + i, v);
  }
}

// Three stages inside of eight values.
ANNULUS_AVX2 inline __m256 eight(__m256 v) {
  const __m256 minus = _mm256_set1_ps(-0.0f);
  const __m256 zero = _mm256_setzero_ps();
  __m256 own = _mm256_xor_ps(v, _mm256_blend_ps(zero, minus, 0xaa));
  v = _mm256_add_ps(_mm256_permute_ps(v, 0xb1), own);
  own = _mm256_xor_ps(v, _mm256_blend_ps(zero, minus, 0xcc));
  v = _mm256_add_ps(_mm256_permute_ps(v, 0x4e), own);
  own = _mm256_xor_ps(v, _mm256_blend_ps(zero, minus, 0xf0));
  return _mm256_add_ps(_mm256_permute2f128_ps(v, v, 1), own);
}

ANNULUS_AVX2 inline void avx2(float *values, size_t n) {
  for (size_t i = 0; i < n; i += lanes) {
    const __m256 low = eight(_mm256_loadu_ps(values + i));
    const __m256 high = eight(_mm256_loadu_ps(values + i + 8));
    _mm256_storeu_ps(values + i, _mm256_add_ps(high, low));
    _mm256_storeu_ps(values + i + 8, _mm256_sub_ps(low, high));
  }
}

#endif

}  // namespace annulus::hadamard_near
