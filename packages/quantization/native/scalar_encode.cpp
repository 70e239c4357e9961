#include "scalar_encode.h"

#include <algorithm>
#include <cstring>

#if defined(__GNUC__) || defined(__clang__)
#define ANNULUS_INLINE inline __attribute__((always_inline))
#else
#define ANNULUS_INLINE inline
#endif

namespace annulus {

namespace {

// Plain loops, compiled once per instruction set; the compiler vectorizes them.

ANNULUS_INLINE double level_of(float component, double scale, double low, double inverse_step) {
  return (static_cast<double>(static_cast<float>(component * scale)) - low) * inverse_step;
}

ANNULUS_INLINE LevelSums encode(const float *__restrict vector, size_t n, double scale,
                                const ScalarRange &range, uint8_t *__restrict row) {
  const double low = range.low();
  const double inverse_step = 1 / range.step;
  for (size_t i = 0; i < n; ++i) {
    double level = level_of(vector[i], scale, low, inverse_step);
    level = level > 0 ? level : 0;
    level = level < 255 ? level : 255;
    row[i] = static_cast<uint8_t>(static_cast<int32_t>(level + 0.5));
  }
  LevelSums sums;
  for (size_t i = 0; i < n; ++i) {
    const int32_t level = row[i] - 128;
    sums.levels += level;
    sums.squares += level * level;
  }
  return sums;
}

// Sum of term(i) over [0, n), in eight sums that the compiler turns into vectors.
template <typename Term>
ANNULUS_INLINE double sum_of(size_t n, Term term) {
  double sums[8] = {};
  const size_t whole = n / 8 * 8;
  for (size_t i = 0; i < whole; i += 8) {
    for (size_t k = 0; k < 8; ++k) sums[k] += term(i + k);
  }
  for (size_t i = whole; i < n; ++i) sums[i - whole] += term(i);
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

ANNULUS_INLINE float largest_of(const float *vector, size_t n) {
  // Magnitudes of floats sort like their bits.
  uint32_t largest = 0;
  for (size_t i = 0; i < n; ++i) {
    uint32_t bits;
    std::memcpy(&bits, vector + i, sizeof bits);
    largest = std::max(largest, bits & 0x7fffffffu);
  }
  float value;
  std::memcpy(&value, &largest, sizeof value);
  return value;
}

ANNULUS_INLINE VectorSums sums(const float *__restrict vector, const uint8_t *__restrict row,
                               size_t n) {
  VectorSums found;
  found.values = sum_of(n, [=](size_t i) { return static_cast<double>(vector[i]); });
  found.squares = sum_of(n, [=](size_t i) { return static_cast<double>(vector[i]) * vector[i]; });
  found.levels =
      sum_of(n, [=](size_t i) { return static_cast<double>(vector[i]) * (row[i] - 128); });
  found.largest = largest_of(vector, n);
  return found;
}

ANNULUS_INLINE void moves(const float *__restrict vector, size_t n, double scale,
                          const ScalarRange &range, const uint8_t *__restrict row, double direction,
                          double cost_max, double *__restrict excess) {
  const double low = range.low();
  const double inverse_step = 1 / range.step;
  for (size_t i = 0; i < n; ++i) {
    const double value = vector[i] * scale;
    const double by = value < 0 ? -direction : direction;
    const double level = row[i];
    const double past_half = 0.5 - by * (level_of(vector[i], scale, low, inverse_step) - level);
    const double size = value < 0 ? -value : value;
    const double moved = level + by;
    // Never out of the levels, and never a level that the value is beyond.
    double least = moved < 0 ? 1.0 : past_half - size * cost_max;
    least = moved > 255 ? 1.0 : least;
    excess[i] = past_half < 0 ? 1.0 : least;
  }
}

#define ANNULUS_ENCODER(name, target)                                                             \
  target LevelSums encode_##name(const float *vector, size_t n, double scale,                     \
                                 const ScalarRange &range, uint8_t *row) {                        \
    return encode(vector, n, scale, range, row);                                                  \
  }                                                                                               \
  target VectorSums sums_##name(const float *vector, const uint8_t *row, size_t n) {              \
    return sums(vector, row, n);                                                                  \
  }                                                                                               \
  target void moves_##name(const float *vector, size_t n, double scale, const ScalarRange &range, \
                           const uint8_t *row, double direction, double cost_max,                 \
                           double *excess) {                                                      \
    moves(vector, n, scale, range, row, direction, cost_max, excess);                             \
  }

ANNULUS_ENCODER(baseline, )
#if defined(ANNULUS_X86)
ANNULUS_ENCODER(avx2, ANNULUS_AVX2)
ANNULUS_ENCODER(avx512, ANNULUS_AVX512)
#endif

}  // namespace

LevelEncoder level_encoder(Isa isa) {
#if defined(ANNULUS_X86)
  const Isa best = best_isa(isa);
  if (best >= Isa::avx512) return {encode_avx512, sums_avx512, moves_avx512};
  if (best == Isa::avx2) return {encode_avx2, sums_avx2, moves_avx2};
#else
  (void)isa;
#endif
  return {encode_baseline, sums_baseline, moves_baseline};
}

}  // namespace annulus
