// Encoding of many vectors in the background.
#pragma once

#include <annulus/held.h>

#include <cstdint>
#include <functional>

#include "codes.h"

namespace annulus {

/// How encoding ended.
struct EncodingResult {
  int32_t status = ANNULUS_OK;  // ANNULUS_OUT_OF_RANGE: vector `bad_vector` is not finite
  size_t bad_vector = 0;
};

/// Encodes n vectors into slots from `first_slot` (<= slots) on, publishes them all at the end and
/// calls `done` exactly once. A vector that is not finite, an abort or lack of memory publishes
/// nothing; slots that are encoded anew keep their old codes unless the abort came too late. One
/// encoding at a time for the same codes; `vectors` and `abort` live until `done`.
void encode_vectors(const CodesRef &codes, const Held<annulus_pool> &pool, const float *vectors,
                    size_t n, uint64_t first_slot, const int32_t *abort,
                    std::function<void(EncodingResult result)> done);

}  // namespace annulus
