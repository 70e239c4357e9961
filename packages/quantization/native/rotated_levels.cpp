#include "rotated_levels.h"

#include <algorithm>
#include <cmath>

namespace annulus {

namespace {

#if defined(__GNUC__) || defined(__clang__)
#define ANNULUS_INLINE inline __attribute__((always_inline))
#else
#define ANNULUS_INLINE inline
#endif

constexpr size_t lanes = 16;
constexpr int rounds_max = 6;

ANNULUS_INLINE float total(const float *sums) {
  float half[lanes / 2];
  for (size_t k = 0; k < 8; ++k) half[k] = sums[k] + sums[k + 8];
  return ((half[0] + half[4]) + (half[1] + half[5])) + ((half[2] + half[6]) + (half[3] + half[7]));
}

// Plain loops, compiled once per instruction set; the compiler vectorizes them.

ANNULUS_INLINE float dot(const float *__restrict a, const float *__restrict b, size_t n) {
  float sums[lanes] = {};
  const size_t whole = n / lanes * lanes;
  for (size_t i = 0; i < whole; i += lanes) {
    for (size_t k = 0; k < lanes; ++k) sums[k] += a[i + k] * b[i + k];
  }
  for (size_t i = whole; i < n; ++i) sums[i - whole] += a[i] * b[i];
  return total(sums);
}

ANNULUS_INLINE void take_off(const float *__restrict axis, float share, float *__restrict vector,
                             size_t n) {
  for (size_t i = 0; i < n; ++i) vector[i] -= share * axis[i];
}

ANNULUS_INLINE FittedLevels round_levels(const float *__restrict vector, size_t n, float scale,
                                         uint32_t bits, uint8_t *__restrict levels) {
  const float half = static_cast<float>(1u << (bits - 1));
  const float top = 2 * half - 1;
  for (size_t i = 0; i < n; ++i) {
    float level = vector[i] * scale + half;
    level = level > 0 ? level : 0;
    level = level < top ? level : top;
    levels[i] = static_cast<uint8_t>(static_cast<int32_t>(level));
  }
  const float middle = top / 2;
  float products[lanes] = {};
  const size_t whole = n / lanes * lanes;
  for (size_t i = 0; i < whole; i += lanes) {
    for (size_t k = 0; k < lanes; ++k) {
      products[k] += (static_cast<float>(levels[i + k]) - middle) * vector[i + k];
    }
  }
  for (size_t i = whole; i < n; ++i) {
    products[i - whole] += (static_cast<float>(levels[i]) - middle) * vector[i];
  }
  // Twice the distance from the middle is an integer.
  int64_t squares = 0;
  const int32_t last = (1 << bits) - 1;
  for (size_t from = 0; from < n; from += 4096) {
    const size_t to = std::min(n, from + 4096);
    int32_t part = 0;
    for (size_t i = from; i < to; ++i) {
      const int32_t twice = 2 * levels[i] - last;
      part += twice * twice;
    }
    squares += part;
  }
  return {total(products), static_cast<double>(squares) / 4};
}

#define ANNULUS_PASSES(name, target)                                                          \
  target float dot_##name(const float *a, const float *b, size_t n) { return dot(a, b, n); }  \
  target void take_off_##name(const float *axis, float share, float *vector, size_t n) {      \
    take_off(axis, share, vector, n);                                                         \
  }                                                                                           \
  target FittedLevels round_##name(const float *vector, size_t n, float scale, uint32_t bits, \
                                   uint8_t *levels) {                                         \
    return round_levels(vector, n, scale, bits, levels);                                      \
  }

ANNULUS_PASSES(baseline, )
#if defined(ANNULUS_X86)
ANNULUS_PASSES(avx2, ANNULUS_AVX2)
ANNULUS_PASSES(avx512, ANNULUS_AVX512)
#endif

// Scales to begin with, as shares of the one at which no level is clipped.
struct Starts {
  size_t count;
  float share[3];
};
Starts starts_of(uint32_t bits) {
  if (bits == 2) return {3, {1.2f, 1.5f, 1.9f}};
  if (bits == 4) return {3, {1.0f, 1.15f, 1.35f}};
  return {1, {1.0f}};
}

}  // namespace

VectorPasses vector_passes(Isa isa) {
#if defined(ANNULUS_X86)
  const Isa best = best_isa(isa);
  if (best >= Isa::avx512) return {dot_avx512, take_off_avx512, round_avx512};
  if (best == Isa::avx2) return {dot_avx2, take_off_avx2, round_avx2};
#else
  (void)isa;
#endif
  return {dot_baseline, take_off_baseline, round_baseline};
}

FittedLevels fit_levels(const VectorPasses &passes, const float *vector, size_t n, uint32_t bits,
                        uint8_t *levels) {
  float largest = 0;
  for (size_t i = 0; i < n; ++i) largest = std::max(largest, std::fabs(vector[i]));
  const float widest = static_cast<float>(1u << (bits - 1)) / std::max(largest, 1e-30f);
  // One bit is the sign, whatever the scale.
  if (bits == 1) return passes.round(vector, n, widest, bits, levels);
  float best_scale = widest;
  double best_fit = -1;
  const Starts starts = starts_of(bits);
  for (size_t start = 0; start < starts.count; ++start) {
    float scale = widest * starts.share[start];
    double fit = -1;
    for (int round = 0; round < rounds_max; ++round) {
      const FittedLevels found = passes.round(vector, n, scale, bits, levels);
      if (!(found.fit() > fit)) break;
      fit = found.fit();
      if (fit > best_fit) {
        best_fit = fit;
        best_scale = scale;
      }
      scale = static_cast<float>(found.square / found.product);
    }
  }
  return passes.round(vector, n, best_scale, bits, levels);
}

}  // namespace annulus
