// The reference every SIMD level is tested against. Plain loops in float32, in the order of
// components.
#ifndef ANNULUS_KERNELS_FLOAT_SCALAR_H
#define ANNULUS_KERNELS_FLOAT_SCALAR_H

#include <cmath>
#include <cstddef>

namespace annulus {

/// dot(q, v) and |v|², computed in one pass for cosine.
struct DotNorm {
  float dot;
  float norm2;
};

namespace scalar {

// Four independent sums: less rounding than one, and the compiler may keep them in registers.
template <typename Term>
inline float sum(size_t n, Term term) {
  float sums[4] = {0, 0, 0, 0};
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (size_t lane = 0; lane < 4; ++lane) sums[lane] += term(i + lane);
  }
  for (; i < n; ++i) sums[i % 4] += term(i);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

inline float dot(const float *a, const float *b, size_t n) {
  return sum(n, [=](size_t i) { return a[i] * b[i]; });
}

inline DotNorm dot_norm(const float *q, const float *v, size_t n) {
  return {dot(q, v, n), dot(v, v, n)};
}

inline float squared_euclidean(const float *a, const float *b, size_t n) {
  return sum(n, [=](size_t i) { return (a[i] - b[i]) * (a[i] - b[i]); });
}

inline float manhattan(const float *a, const float *b, size_t n) {
  return sum(n, [=](size_t i) { return std::fabs(a[i] - b[i]); });
}

/// In double: for norms taken once, and for vectors whose squares leave the range of float.
inline double dot_f64(const float *a, const float *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

}  // namespace scalar
}  // namespace annulus

#endif
