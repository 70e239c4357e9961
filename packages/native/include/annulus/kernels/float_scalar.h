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

// Eight independent sums: less rounding than one, and shaped so that compilers vectorize the loop
// over lanes with whatever the baseline of the platform has.
template <typename Term>
inline float sum(const float *a, const float *b, size_t n, Term term) {
  constexpr size_t lanes = 8;
  float sums[lanes] = {};
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (size_t lane = 0; lane < lanes; ++lane) sums[lane] += term(a[i + lane], b[i + lane]);
  }
  for (size_t lane = 0; i < n; ++i, ++lane) sums[lane] += term(a[i], b[i]);
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

inline float dot(const float *a, const float *b, size_t n) {
  return sum(a, b, n, [](float x, float y) { return x * y; });
}

inline DotNorm dot_norm(const float *q, const float *v, size_t n) {
  return {dot(q, v, n), dot(v, v, n)};
}

inline float squared_euclidean(const float *a, const float *b, size_t n) {
  return sum(a, b, n, [](float x, float y) { return (x - y) * (x - y); });
}

inline float manhattan(const float *a, const float *b, size_t n) {
  return sum(a, b, n, [](float x, float y) { return std::fabs(x - y); });
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
