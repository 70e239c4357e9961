// What is done with one stored vector where it is mapped: its checksum is verified, then it is
// scored or copied. Runs inside a guard (fault_guard.h), so it may be left at any instruction:
// trivial types only.
#ifndef ANNULUS_MAPPED_VECTOR_H
#define ANNULUS_MAPPED_VECTOR_H

#include <annulus/distance.h>
#include <annulus/verified.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace annulus {

/// Asks for the cache lines of a vector that comes next while another is worked on. Never faults,
/// and brings nothing of a page that is not mapped yet.
inline void prefetch_vector(const uint8_t *bytes, size_t size) {
  constexpr size_t line = 64;
  constexpr size_t most = 8192;  // a quarter of a first-level cache
  const size_t end = size < most ? size : most;
  for (size_t at = 0; at < end; at += line) __builtin_prefetch(bytes + at);
}

struct MappedVector {
  const uint8_t *bytes;
  size_t size;
  uint32_t slot;
  uint32_t checksum;        ///< what crc32c(slot, bytes) must be
  const ExactQuery *query;  ///< for `score`
  float *out;               ///< one distance, or the components
  bool intact;              ///< out: whether the checksum matched and `out` was written

  /// In place: the bytes are verified, then used, and never copied.
  static void score(void *self) {
    auto *vector = static_cast<MappedVector *>(self);
    vector->intact = is_intact(vector->slot, vector->bytes, vector->size, vector->checksum);
    if (!vector->intact) return;
    *vector->out = vector->query->distance(reinterpret_cast<const float *>(vector->bytes));
  }

  /// The copy is what is verified.
  static void copy(void *self) {
    auto *vector = static_cast<MappedVector *>(self);
    std::memcpy(vector->out, vector->bytes, vector->size);
    vector->intact = is_intact(vector->slot, vector->out, vector->size, vector->checksum);
  }
};

}  // namespace annulus

#endif
