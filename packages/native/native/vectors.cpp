#include "vectors.h"

#include <annulus/crc32c.h>
#include <annulus/distance.h>

#include <cstring>

namespace annulus {

void checksum_vectors(const float *vectors, size_t count, size_t dimension, const uint32_t *slots,
                      uint32_t *sums) {
  for (size_t i = 0; i < count; ++i) {
    sums[i] = crc32c(slots[i], vectors + i * dimension, dimension * sizeof(float));
  }
}

void distances(const float *query, const float *vectors, size_t count, size_t dimension,
               uint32_t metric, float *out) {
  const ExactQuery exact(metric, query, dimension);
  for (size_t i = 0; i < count; ++i) out[i] = exact.distance(vectors + i * dimension);
}

namespace {

constexpr uint32_t exponent_mask = 0x7f800000u;
constexpr uint32_t magnitude_mask = 0x7fffffffu;

// Works on the bits, without branches, so that it vectorizes and no compiler flag about NaN
// matters.
struct Bits {
  uint32_t special = 0;  // non-zero if any component is NaN or infinite
  uint32_t nonzero = 0;  // non-zero if any component is not ±0
};

Bits bits_of(const float *vector, size_t dimension) {
  Bits bits;
  for (size_t i = 0; i < dimension; ++i) {
    uint32_t word;
    std::memcpy(&word, vector + i, sizeof word);
    bits.special |= static_cast<uint32_t>((word & exponent_mask) == exponent_mask);
    bits.nonzero |= word & magnitude_mask;
  }
  return bits;
}

FaultyVector special_component(const float *vector, size_t dimension, size_t index) {
  for (size_t i = 0; i < dimension; ++i) {
    uint32_t word;
    std::memcpy(&word, vector + i, sizeof word);
    if ((word & exponent_mask) != exponent_mask) continue;
    const bool nan = (word & magnitude_mask) != exponent_mask;
    return {nan ? VectorFault::nan : VectorFault::infinity, index, i};
  }
  return {};
}

}  // namespace

FaultyVector find_faulty_vector(const float *vectors, size_t count, size_t dimension,
                                bool allow_zero) {
  for (size_t i = 0; i < count; ++i) {
    const float *vector = vectors + i * dimension;
    const Bits bits = bits_of(vector, dimension);
    if (bits.special != 0) return special_component(vector, dimension, i);
    if (!allow_zero && bits.nonzero == 0) return {VectorFault::zero, i, 0};
  }
  return {};
}

}  // namespace annulus
