// Norms in double, so that neither tiny nor huge float32 vectors lose theirs.
#pragma once

#include <cmath>
#include <cstddef>

namespace annulus {

// Squares of floats are exact in double; eight sums in a fixed order make the result the same
// whatever the compiler does with them.
inline double norm_of(const float *vector, size_t n) {
  double sums[8] = {};
  const size_t whole = n / 8 * 8;
  for (size_t i = 0; i < whole; i += 8) {
    for (size_t k = 0; k < 8; ++k) {
      const double value = vector[i + k];
      sums[k] += value * value;
    }
  }
  for (size_t i = whole; i < n; ++i) {
    sums[i - whole] += static_cast<double>(vector[i]) * vector[i];
  }
  return std::sqrt(((sums[0] + sums[4]) + (sums[1] + sums[5])) +
                   ((sums[2] + sums[6]) + (sums[3] + sums[7])));
}

/// What normalisation multiplies by; 0 leaves a zero vector zero.
inline double inverse_norm(const float *vector, size_t n) {
  const double norm = norm_of(vector, n);
  return norm > 0 ? 1 / norm : 0;
}

}  // namespace annulus
