// Loops over many float vectors: checksums, validation, distances. Plain C++; any thread.
#pragma once

#include <annulus/abi.h>

#include <cstddef>
#include <cstdint>

namespace annulus {

/// sums[i] = crc32c(slots[i], bytes of vector i), i < count.
void checksum_vectors(const float *vectors, size_t count, size_t dimension, const uint32_t *slots,
                      uint32_t *sums);

/// out[i] = ranking distance from `query` to vector i, the same bits as ExactQuery.
void distances(const float *query, const float *vectors, size_t count, size_t dimension,
               uint32_t metric, float *out);

enum class VectorFault { none, nan, infinity, zero };

struct FaultyVector {
  VectorFault fault = VectorFault::none;
  size_t index = 0;      // of the vector
  size_t component = 0;  // within it; 0 for a zero vector
};

/// The first vector that holds NaN or an infinity, or, unless `allow_zero`, is zero throughout.
FaultyVector find_faulty_vector(const float *vectors, size_t count, size_t dimension,
                                bool allow_zero);

}  // namespace annulus
