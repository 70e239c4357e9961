// Rounds vectors to levels. The same bytes on every instruction set, as this package is compiled
// without contraction into fused multiply-adds and its sums have a fixed order.
#pragma once

#include <annulus/cpu.h>

#include <cstddef>
#include <cstdint>

#include "scalar_range.h"

namespace annulus {

/// Sums over the levels of a row, counted around 128.
struct LevelSums {
  int32_t levels = 0;
  int32_t squares = 0;
};

/// Sums over a vector and its levels.
struct VectorSums {
  double values = 0;
  double squares = 0;
  double largest = 0;  // magnitude
  double levels = 0;   // of level - 128 times value
};

/// Passes over one vector, compiled for one instruction set.
struct LevelEncoder {
  /// row[i] = nearest level of float(vector[i] * scale), clipped to the range; NaN gives level 0.
  LevelSums (*encode)(const float *vector, size_t n, double scale, const ScalarRange &range,
                      uint8_t *row);
  VectorSums (*sums)(const float *vector, const uint8_t *row, size_t n);
  /// excess[i] <= 0 where moving row[i] by one, so that its product with the vector changes in
  /// `direction` (1 or -1), adds at most `cost_max` of error for what it changes.
  void (*moves)(const float *vector, size_t n, double scale, const ScalarRange &range,
                const uint8_t *row, double direction, double cost_max, double *excess);
};

/// The encoder of the best supported level at or below `isa`.
LevelEncoder level_encoder(Isa isa = active_isa());

/// As `encode`, then moves the few levels that were nearly rounded the other way, so that the error
/// along the vector, which weighs most for queries near it, all but vanishes for hardly any more
/// error across (the anisotropic loss of Guo et al., "Accelerating Large-Scale Inference with
/// Anisotropic Vector Quantization", 2020). Components inside the range are then off by at most a
/// whole step instead of half a one.
LevelSums encode_aligned(const LevelEncoder &encoder, const float *vector, size_t n, double scale,
                         const ScalarRange &range, uint8_t *row);

}  // namespace annulus
