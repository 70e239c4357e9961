// What training finds for rotated codes, and where a vector lies in it.
//
// A vector is split into its place along a few principal axes, which is kept nearly exactly, and
// the rest, which is rotated and coded: the error of an estimate grows with the length of the
// rests, and a few axes hold much of the length of real vectors. Euclidean vectors are seen from
// the mean. For products the mean's direction is the first axis instead, so that a query may be
// scaled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rotated_levels.h"
#include "rotation.h"

namespace annulus {

inline constexpr uint32_t rotated_axes = 8;

struct RotatedModel {
  uint32_t dimension = 0;
  uint32_t metric = 0;
  uint32_t bits = 0;
  uint64_t seed = 0;
  std::vector<float> mean;  // dimension
  std::vector<float> axes;  // rotated_axes x dimension, orthonormal or zero
  double mean_norm = 0;     // along the first axis; 0 for euclidean

  std::vector<uint8_t> bytes() const;
  /// False when the bytes are not what `bytes` returns for these.
  static bool from(uint32_t dimension, uint32_t metric, const uint8_t *bytes, size_t size,
                   RotatedModel &model);
};

/// A vector as a model sees it; lengths are those of the vector.
struct Placement {
  double norm = 0;            // of the whole, as seen from the model's origin
  double rest = 0;            // length of what the axes do not hold
  double axis[rotated_axes];  // places along the axes
};

/// Room for the passes over one vector: three times the dimension.
struct PlacementRoom {
  float *direction;
  float *scratch;
  float *rotated;
};

class Placer {
 public:
  explicit Placer(const RotatedModel &model, Isa isa);

  enum class Role { stored, query };
  /// Leaves the rest, divided by `norm` and rotated, in `room.rotated`.
  Placement place(const float *vector, Role role, const PlacementRoom &room) const;
  /// The vector with that place and rest (rotated; `room.rotated` holds it, at full length).
  void restore(const Placement &placement, const PlacementRoom &room, float *out) const;

  const VectorPasses &passes() const { return passes_; }

 private:
  const RotatedModel &model_;
  Rotation rotation_;
  VectorPasses passes_;
};

}  // namespace annulus
