// Encoding of many vectors in the background.
#pragma once

#include <annulus/held.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "codes.h"

namespace annulus {

/// How encoding ended.
struct EncodingResult {
  int32_t status = ANNULUS_OK;  // ANNULUS_OUT_OF_RANGE: vector `bad_vector` is not finite
  size_t bad_vector = 0;
};

/// Which vector goes where: from `first` on, or each into one of `scattered`, strictly ascending.
/// No slot may be left out above those there are.
struct EncodingSlots {
  uint64_t first = 0;
  std::vector<uint32_t> scattered;

  uint64_t operator[](size_t vector) const {
    return scattered.empty() ? first + vector : scattered[vector];
  }
  /// One past the last vector of the run of consecutive slots that begins at `vector`.
  size_t run_end(size_t vector, size_t end) const;
};

/// Encodes n vectors into their slots, publishes them all at the end and calls `done` exactly once.
/// A vector that is not finite, an abort or lack of memory publishes nothing; slots that are
/// encoded anew keep their old codes unless the abort came too late. One encoding at a time for the
/// same codes; `vectors` and `abort` live until `done`.
void encode_vectors(const CodesRef &codes, const Held<annulus_pool> &pool, const float *vectors,
                    size_t n, EncodingSlots slots, const int32_t *abort,
                    std::function<void(EncodingResult result)> done);

}  // namespace annulus
