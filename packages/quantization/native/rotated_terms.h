// What stands behind a rotated code, what stands before a prepared query, and how distances and
// bounds come from both.
#pragma once

#include <annulus/abi.h>

#include <cstdint>
#include <cstring>

#include "rotated_levels.h"
#include "rotated_model.h"

namespace annulus {

/// Behind each code. o is the rest of the vector (rotated_model.h), u its levels, m their middle.
struct RotatedTerms {
  float factor = 0;      // |o|^2 / <u - m, o>: makes products with u - m estimate products with o
  float rest = 0;        // |o|
  float norm = 0;        // of the whole vector, seen from the mean
  uint16_t tangent = 0;  // |o| times the tangent of the angle between o and u - m: a float's upper
                         // half, rounded up
  int16_t exponent = 0;  // of the unit of `axis`
  int16_t axis[rotated_axes] = {};

  static RotatedTerms of(const Placement &placement, const FittedLevels &fitted);
  static RotatedTerms read(const uint8_t *from) {
    RotatedTerms terms;
    std::memcpy(&terms, from, sizeof terms);
    return terms;
  }

  double place(uint32_t a) const;
  double spread() const;  // |o| times the tangent
  double cosine() const;
  double decode_error() const;
};
static_assert(sizeof(RotatedTerms) == 32, "the format has no gaps");

/// Before the planes of a prepared query.
struct alignas(64) RotatedQuery {
  double base = 0;        // what no code changes
  double unit = 0;        // of the query's levels
  double middle_sum = 0;  // m times the sum of the levels
  double factor = 1;      // of the product in a distance, with its sign
  double rest = 0;        // length of the query's rest
  double noise = 0;       // length of what rounding it left
  double axis[rotated_axes] = {};
  double axis_norm = 0;
  double cosine = 0;      // between a stored slot's rest and its code; 0 for a query from outside
  double level_norm = 0;  // of that code
  bool euclidean = false;

  void set(const RotatedModel &model, const Placement &placement, const float *vector);
  /// For a stored slot.
  void set(const RotatedModel &model, const RotatedTerms &terms);

  /// Of rows with their terms at `terms_at`; `sums` are those of (u - m) times the query's levels.
  void distances(const uint8_t *const *rows, size_t terms_at, const double *sums, size_t n,
                 float *out) const;
  /// Half-width around a distance that holds the true one with RotatedCodes::confidence.
  float bound(const RotatedTerms &terms, float distance, size_t dimension) const;

 private:
  float distance(const RotatedTerms &terms, double sum) const;
  double along_axes(const RotatedTerms &terms) const;
};

}  // namespace annulus
