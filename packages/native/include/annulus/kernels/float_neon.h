// float32 kernels for arm64 NEON: four accumulators of four lanes; the tail is copied to a
// zero-padded block, because NEON has no masked loads.
#ifndef ANNULUS_KERNELS_FLOAT_NEON_H
#define ANNULUS_KERNELS_FLOAT_NEON_H

#include <annulus/cpu.h>
#include <annulus/kernels/float_scalar.h>
#include <annulus/kernels/intrinsics.h>

#if defined(ANNULUS_ARM64)
#include <cstring>

namespace annulus {
namespace neon {

inline float32x4_t load_tail(const float *values, size_t lanes) {
  float block[4] = {0, 0, 0, 0};
  std::memcpy(block, values, lanes * sizeof(float));
  return vld1q_f32(block);
}

inline float reduce(float32x4_t s0, float32x4_t s1, float32x4_t s2, float32x4_t s3) {
  return vaddvq_f32(vaddq_f32(vaddq_f32(s0, s1), vaddq_f32(s2, s3)));
}

/// Folds `add(a, b, sum)` over both vectors.
template <typename Add>
inline float fold(const float *a, const float *b, size_t n, Add add) {
  float32x4_t s0 = vdupq_n_f32(0), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    s0 = add(vld1q_f32(a + i), vld1q_f32(b + i), s0);
    s1 = add(vld1q_f32(a + i + 4), vld1q_f32(b + i + 4), s1);
    s2 = add(vld1q_f32(a + i + 8), vld1q_f32(b + i + 8), s2);
    s3 = add(vld1q_f32(a + i + 12), vld1q_f32(b + i + 12), s3);
  }
  for (; i + 4 <= n; i += 4) s0 = add(vld1q_f32(a + i), vld1q_f32(b + i), s0);
  if (i < n) s1 = add(load_tail(a + i, n - i), load_tail(b + i, n - i), s1);
  return reduce(s0, s1, s2, s3);
}

inline float dot(const float *a, const float *b, size_t n) {
  return fold(a, b, n,
              [](float32x4_t x, float32x4_t y, float32x4_t s) { return vfmaq_f32(s, x, y); });
}

inline DotNorm dot_norm(const float *q, const float *v, size_t n) {
  float32x4_t d0 = vdupq_n_f32(0), d1 = d0, d2 = d0, d3 = d0;
  float32x4_t s0 = d0, s1 = d0, s2 = d0, s3 = d0;
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const float32x4_t v0 = vld1q_f32(v + i), v1 = vld1q_f32(v + i + 4);
    const float32x4_t v2 = vld1q_f32(v + i + 8), v3 = vld1q_f32(v + i + 12);
    d0 = vfmaq_f32(d0, vld1q_f32(q + i), v0);
    d1 = vfmaq_f32(d1, vld1q_f32(q + i + 4), v1);
    d2 = vfmaq_f32(d2, vld1q_f32(q + i + 8), v2);
    d3 = vfmaq_f32(d3, vld1q_f32(q + i + 12), v3);
    s0 = vfmaq_f32(s0, v0, v0);
    s1 = vfmaq_f32(s1, v1, v1);
    s2 = vfmaq_f32(s2, v2, v2);
    s3 = vfmaq_f32(s3, v3, v3);
  }
  for (; i + 4 <= n; i += 4) {
    const float32x4_t v0 = vld1q_f32(v + i);
    d0 = vfmaq_f32(d0, vld1q_f32(q + i), v0);
    s0 = vfmaq_f32(s0, v0, v0);
  }
  if (i < n) {
    const float32x4_t v1 = load_tail(v + i, n - i);
    d1 = vfmaq_f32(d1, load_tail(q + i, n - i), v1);
    s1 = vfmaq_f32(s1, v1, v1);
  }
  return {reduce(d0, d1, d2, d3), reduce(s0, s1, s2, s3)};
}

inline float squared_euclidean(const float *a, const float *b, size_t n) {
  return fold(a, b, n, [](float32x4_t x, float32x4_t y, float32x4_t s) {
    const float32x4_t d = vsubq_f32(x, y);
    return vfmaq_f32(s, d, d);
  });
}

inline float manhattan(const float *a, const float *b, size_t n) {
  return fold(a, b, n, [](float32x4_t x, float32x4_t y, float32x4_t s) {
    return vaddq_f32(s, vabdq_f32(x, y));
  });
}

}  // namespace neon
}  // namespace annulus

#endif
#endif
