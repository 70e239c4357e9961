// Passes over one vector: sums, and the rounding of a rotated vector to levels. The same results on
// every instruction set, as sums have a fixed order and nothing is fused.
#pragma once

#include <annulus/cpu.h>

#include <cstddef>
#include <cstdint>

namespace annulus {

/// Sums over a vector o and its levels u, counted around their middle m.
struct FittedLevels {
  double product = 0;  // of (u - m) o
  double square = 0;   // of (u - m)^2
  /// Squared cosine of the angle between o and u - m, times |o|^2.
  double fit() const { return square > 0 ? product * product / square : 0; }
};

/// Passes compiled for one instruction set.
struct VectorPasses {
  float (*dot)(const float *a, const float *b, size_t n);
  /// vector[i] -= share axis[i].
  void (*take_off)(const float *axis, float share, float *vector, size_t n);
  /// levels[i] = floor(scale vector[i]) + 2^(bits - 1), clipped to what `bits` bits hold.
  FittedLevels (*round)(const float *vector, size_t n, float scale, uint32_t bits, uint8_t *levels);
};

VectorPasses vector_passes(Isa isa = active_isa());

/// The middle of the levels of `bits` bits, from which they are counted.
constexpr double middle_level(uint32_t bits) { return ((1u << bits) - 1) / 2.0; }

/// Finds levels that point nearly as `vector` does: from several scales, rounding is repeated with
/// the scale that fits the last levels best, as that only ever brings them nearer.
FittedLevels fit_levels(const VectorPasses &passes, const float *vector, size_t n, uint32_t bits,
                        uint8_t *levels);

}  // namespace annulus
