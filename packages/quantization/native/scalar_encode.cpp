#include "scalar_encode.h"

#if defined(__GNUC__) || defined(__clang__)
#define ANNULUS_INLINE inline __attribute__((always_inline))
#else
#define ANNULUS_INLINE inline
#endif

namespace annulus {

namespace {

// Compiled once per instruction set; the compiler vectorizes it.
ANNULUS_INLINE LevelSums encode(const float *__restrict vector, size_t n, double scale,
                                const ScalarRange &range, uint8_t *__restrict row) {
  const double low = range.low();
  const double inverse_step = 1 / range.step;
  for (size_t i = 0; i < n; ++i) {
    const auto value = static_cast<float>(vector[i] * scale);
    double level = (static_cast<double>(value) - low) * inverse_step;
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

LevelSums encode_baseline(const float *vector, size_t n, double scale, const ScalarRange &range,
                          uint8_t *row) {
  return encode(vector, n, scale, range, row);
}

#if defined(ANNULUS_X86)
ANNULUS_AVX2 LevelSums encode_avx2(const float *vector, size_t n, double scale,
                                   const ScalarRange &range, uint8_t *row) {
  return encode(vector, n, scale, range, row);
}

ANNULUS_AVX512 LevelSums encode_avx512(const float *vector, size_t n, double scale,
                                       const ScalarRange &range, uint8_t *row) {
  return encode(vector, n, scale, range, row);
}
#endif

}  // namespace

EncodeLevels encode_levels(Isa isa) {
#if defined(ANNULUS_X86)
  const Isa best = best_isa(isa);
  if (best >= Isa::avx512) return encode_avx512;
  if (best == Isa::avx2) return encode_avx2;
#else
  (void)isa;
#endif
  return encode_baseline;
}

}  // namespace annulus
