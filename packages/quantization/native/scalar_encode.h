// Rounds vectors to levels. The same bytes on every instruction set: no step of the arithmetic can
// be contracted into a fused multiply-add.
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

/// row[i] = nearest level of float(vector[i] * scale), clipped to the range; NaN becomes level 0.
using EncodeLevels = LevelSums (*)(const float *vector, size_t n, double scale,
                                   const ScalarRange &range, uint8_t *row);

/// The encoder of the best supported level at or below `isa`.
EncodeLevels encode_levels(Isa isa = active_isa());

}  // namespace annulus
