// float32 kernels for AVX-512: four accumulators of sixteen lanes, the tail read through a lane
// mask (masked lanes are not touched, so nothing past the end is read).
#ifndef ANNULUS_KERNELS_FLOAT_AVX512_H
#define ANNULUS_KERNELS_FLOAT_AVX512_H

#include <annulus/cpu.h>
#include <annulus/kernels/float_avx2.h>

#if defined(ANNULUS_X86)

namespace annulus {
namespace avx512 {

ANNULUS_AVX512 inline __mmask16 tail_mask(size_t lanes) {
  return static_cast<__mmask16>((1u << lanes) - 1);
}

ANNULUS_AVX512 inline float reduce(__m512 s0, __m512 s1, __m512 s2, __m512 s3) {
  return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)));
}

ANNULUS_AVX512 inline float dot(const float *a, const float *b, size_t n) {
  __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    s0 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
    s1 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16), s1);
    s2 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 32), _mm512_loadu_ps(b + i + 32), s2);
    s3 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 48), _mm512_loadu_ps(b + i + 48), s3);
  }
  for (; i + 16 <= n; i += 16) {
    s0 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
  }
  if (i < n) {
    const __mmask16 mask = tail_mask(n - i);
    s1 =
        _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, a + i), _mm512_maskz_loadu_ps(mask, b + i), s1);
  }
  return reduce(s0, s1, s2, s3);
}

// The empty asm keeps `v` in a register: gcc would load it once for each sum, which is slower than
// the sums.
ANNULUS_AVX512 inline void add_dot_norm(__m512 q, __m512 v, __m512 &dot, __m512 &norm2) {
  __asm__("" : "+v"(v));
  dot = _mm512_fmadd_ps(q, v, dot);
  norm2 = _mm512_fmadd_ps(v, v, norm2);
}

ANNULUS_AVX512 inline DotNorm dot_norm(const float *q, const float *v, size_t n) {
  __m512 d0 = _mm512_setzero_ps(), d1 = d0, d2 = d0, d3 = d0;
  __m512 s0 = d0, s1 = d0, s2 = d0, s3 = d0;
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    add_dot_norm(_mm512_loadu_ps(q + i), _mm512_loadu_ps(v + i), d0, s0);
    add_dot_norm(_mm512_loadu_ps(q + i + 16), _mm512_loadu_ps(v + i + 16), d1, s1);
    add_dot_norm(_mm512_loadu_ps(q + i + 32), _mm512_loadu_ps(v + i + 32), d2, s2);
    add_dot_norm(_mm512_loadu_ps(q + i + 48), _mm512_loadu_ps(v + i + 48), d3, s3);
  }
  for (; i + 16 <= n; i += 16) add_dot_norm(_mm512_loadu_ps(q + i), _mm512_loadu_ps(v + i), d0, s0);
  if (i < n) {
    const __mmask16 mask = tail_mask(n - i);
    add_dot_norm(_mm512_maskz_loadu_ps(mask, q + i), _mm512_maskz_loadu_ps(mask, v + i), d1, s1);
  }
  return {reduce(d0, d1, d2, d3), reduce(s0, s1, s2, s3)};
}

ANNULUS_AVX512 inline __m512 add_square(__m512 a, __m512 b, __m512 sum) {
  const __m512 d = _mm512_sub_ps(a, b);
  return _mm512_fmadd_ps(d, d, sum);
}

ANNULUS_AVX512 inline float squared_euclidean(const float *a, const float *b, size_t n) {
  __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    s0 = add_square(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
    s1 = add_square(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16), s1);
    s2 = add_square(_mm512_loadu_ps(a + i + 32), _mm512_loadu_ps(b + i + 32), s2);
    s3 = add_square(_mm512_loadu_ps(a + i + 48), _mm512_loadu_ps(b + i + 48), s3);
  }
  for (; i + 16 <= n; i += 16) {
    s0 = add_square(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
  }
  if (i < n) {
    const __mmask16 mask = tail_mask(n - i);
    s1 = add_square(_mm512_maskz_loadu_ps(mask, a + i), _mm512_maskz_loadu_ps(mask, b + i), s1);
  }
  return reduce(s0, s1, s2, s3);
}

ANNULUS_AVX512 inline __m512 add_absolute(__m512 a, __m512 b, __m512 sum) {
  const __m512i bits = _mm512_castps_si512(_mm512_sub_ps(a, b));
  const __m512i magnitude = _mm512_and_si512(bits, _mm512_set1_epi32(0x7fffffff));
  return _mm512_add_ps(sum, _mm512_castsi512_ps(magnitude));
}

ANNULUS_AVX512 inline float manhattan(const float *a, const float *b, size_t n) {
  __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    s0 = add_absolute(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
    s1 = add_absolute(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16), s1);
    s2 = add_absolute(_mm512_loadu_ps(a + i + 32), _mm512_loadu_ps(b + i + 32), s2);
    s3 = add_absolute(_mm512_loadu_ps(a + i + 48), _mm512_loadu_ps(b + i + 48), s3);
  }
  for (; i + 16 <= n; i += 16) {
    s0 = add_absolute(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
  }
  if (i < n) {
    const __mmask16 mask = tail_mask(n - i);
    s1 = add_absolute(_mm512_maskz_loadu_ps(mask, a + i), _mm512_maskz_loadu_ps(mask, b + i), s1);
  }
  return reduce(s0, s1, s2, s3);
}

}  // namespace avx512
}  // namespace annulus

#endif
#endif
