// float32 kernels for AVX2 + FMA: four accumulators of eight lanes, the tail read through a lane
// mask (masked lanes are not touched, so nothing past the end is read).
#ifndef ANNULUS_KERNELS_FLOAT_AVX2_H
#define ANNULUS_KERNELS_FLOAT_AVX2_H

#include <annulus/cpu.h>
#include <annulus/kernels/float_scalar.h>
#include <annulus/kernels/intrinsics.h>

#if defined(ANNULUS_X86)

namespace annulus {
namespace avx2 {

ANNULUS_AVX2 inline __m256i tail_mask(size_t lanes) {
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(lanes)), index);
}

ANNULUS_AVX2 inline float reduce(__m256 s0, __m256 s1, __m256 s2, __m256 s3) {
  const __m256 s = _mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3));
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  x = _mm_add_ss(x, _mm_movehdup_ps(x));
  return _mm_cvtss_f32(x);
}

ANNULUS_AVX2 inline float dot(const float *a, const float *b, size_t n) {
  __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    s0 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
    s1 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), s1);
    s2 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16), s2);
    s3 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24), s3);
  }
  for (; i + 8 <= n; i += 8) {
    s0 = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
  }
  if (i < n) {
    const __m256i mask = tail_mask(n - i);
    s1 = _mm256_fmadd_ps(_mm256_maskload_ps(a + i, mask), _mm256_maskload_ps(b + i, mask), s1);
  }
  return reduce(s0, s1, s2, s3);
}

// The empty asm keeps `v` in a register: gcc would load it once for each sum, which is slower than
// the sums.
ANNULUS_AVX2 inline void add_dot_norm(__m256 q, __m256 v, __m256 &dot, __m256 &norm2) {
  __asm__("" : "+x"(v));
  dot = _mm256_fmadd_ps(q, v, dot);
  norm2 = _mm256_fmadd_ps(v, v, norm2);
}

ANNULUS_AVX2 inline DotNorm dot_norm(const float *q, const float *v, size_t n) {
  __m256 d0 = _mm256_setzero_ps(), d1 = d0, d2 = d0, d3 = d0;
  __m256 s0 = d0, s1 = d0, s2 = d0, s3 = d0;
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    add_dot_norm(_mm256_loadu_ps(q + i), _mm256_loadu_ps(v + i), d0, s0);
    add_dot_norm(_mm256_loadu_ps(q + i + 8), _mm256_loadu_ps(v + i + 8), d1, s1);
    add_dot_norm(_mm256_loadu_ps(q + i + 16), _mm256_loadu_ps(v + i + 16), d2, s2);
    add_dot_norm(_mm256_loadu_ps(q + i + 24), _mm256_loadu_ps(v + i + 24), d3, s3);
  }
  for (; i + 8 <= n; i += 8) add_dot_norm(_mm256_loadu_ps(q + i), _mm256_loadu_ps(v + i), d0, s0);
  if (i < n) {
    const __m256i mask = tail_mask(n - i);
    add_dot_norm(_mm256_maskload_ps(q + i, mask), _mm256_maskload_ps(v + i, mask), d1, s1);
  }
  return {reduce(d0, d1, d2, d3), reduce(s0, s1, s2, s3)};
}

ANNULUS_AVX2 inline __m256 add_square(__m256 a, __m256 b, __m256 sum) {
  const __m256 d = _mm256_sub_ps(a, b);
  return _mm256_fmadd_ps(d, d, sum);
}

ANNULUS_AVX2 inline float squared_euclidean(const float *a, const float *b, size_t n) {
  __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    s0 = add_square(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
    s1 = add_square(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), s1);
    s2 = add_square(_mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16), s2);
    s3 = add_square(_mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24), s3);
  }
  for (; i + 8 <= n; i += 8) {
    s0 = add_square(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
  }
  if (i < n) {
    const __m256i mask = tail_mask(n - i);
    s1 = add_square(_mm256_maskload_ps(a + i, mask), _mm256_maskload_ps(b + i, mask), s1);
  }
  return reduce(s0, s1, s2, s3);
}

ANNULUS_AVX2 inline __m256 add_absolute(__m256 a, __m256 b, __m256 sum) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return _mm256_add_ps(sum, _mm256_andnot_ps(sign, _mm256_sub_ps(a, b)));
}

ANNULUS_AVX2 inline float manhattan(const float *a, const float *b, size_t n) {
  __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    s0 = add_absolute(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
    s1 = add_absolute(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), s1);
    s2 = add_absolute(_mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16), s2);
    s3 = add_absolute(_mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24), s3);
  }
  for (; i + 8 <= n; i += 8) {
    s0 = add_absolute(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), s0);
  }
  if (i < n) {
    const __m256i mask = tail_mask(n - i);
    s1 = add_absolute(_mm256_maskload_ps(a + i, mask), _mm256_maskload_ps(b + i, mask), s1);
  }
  return reduce(s0, s1, s2, s3);
}

}  // namespace avx2
}  // namespace annulus

#endif
#endif
