#include "rotated_model.h"

#include <annulus/abi.h>

#include <cmath>
#include <cstring>

#include "norm.h"

namespace annulus {

namespace {

// What precedes mean and axes in a codebook.
struct CodebookHead {
  uint32_t bits;
  uint32_t axes;
  uint64_t seed;
};
static_assert(sizeof(CodebookHead) == 16, "the format has no gaps");

size_t codebook_bytes(uint32_t dimension) {
  return sizeof(CodebookHead) + sizeof(float) * dimension * (1 + size_t{rotated_axes});
}

bool all_finite(const std::vector<float> &values) {
  for (const float value : values) {
    if (!std::isfinite(value)) return false;
  }
  return true;
}

}  // namespace

std::vector<uint8_t> RotatedModel::bytes() const {
  std::vector<uint8_t> bytes(codebook_bytes(dimension));
  const CodebookHead head = {bits, rotated_axes, seed};
  uint8_t *at = bytes.data();
  std::memcpy(at, &head, sizeof head);
  std::memcpy(at + sizeof head, mean.data(), sizeof(float) * mean.size());
  std::memcpy(at + sizeof head + sizeof(float) * mean.size(), axes.data(),
              sizeof(float) * axes.size());
  return bytes;
}

bool RotatedModel::from(uint32_t dimension, uint32_t metric, const uint8_t *bytes, size_t size,
                        RotatedModel &model) {
  if (size != codebook_bytes(dimension) || metric > ANNULUS_METRIC_EUCLIDEAN) return false;
  CodebookHead head;
  std::memcpy(&head, bytes, sizeof head);
  const bool known = head.bits == 1 || head.bits == 2 || head.bits == 4 || head.bits == 8;
  if (!known || head.axes != rotated_axes) return false;
  model.dimension = dimension;
  model.metric = metric;
  model.bits = head.bits;
  model.seed = head.seed;
  model.mean.resize(dimension);
  model.axes.resize(size_t{dimension} * rotated_axes);
  const uint8_t *at = bytes + sizeof head;
  std::memcpy(model.mean.data(), at, sizeof(float) * dimension);
  std::memcpy(model.axes.data(), at + sizeof(float) * dimension, sizeof(float) * model.axes.size());
  model.mean_norm = metric == ANNULUS_METRIC_EUCLIDEAN ? 0 : norm_of(model.mean.data(), dimension);
  return all_finite(model.mean) && all_finite(model.axes);
}

Placer::Placer(const RotatedModel &model, Isa isa)
    : model_(model), rotation_(model.dimension, model.seed, isa), passes_(vector_passes(isa)) {}

Placement Placer::place(const float *vector, Role role, const PlacementRoom &room) const {
  const size_t n = model_.dimension;
  const bool cosine = model_.metric == ANNULUS_METRIC_COSINE;
  const double scale = cosine ? inverse_norm(vector, n) : 1.0;
  const bool centred = role == Role::stored || model_.metric == ANNULUS_METRIC_EUCLIDEAN;
  const double origin = centred ? 1 : 0;
  const float *mean = model_.mean.data();
  // Eight sums in a fixed order, as in norm_of.
  double sums[8] = {};
  const size_t whole = n / 8 * 8;
  for (size_t i = 0; i < whole; i += 8) {
    for (size_t k = 0; k < 8; ++k) {
      const double value = vector[i + k] * scale - origin * mean[i + k];
      sums[k] += value * value;
    }
  }
  for (size_t i = whole; i < n; ++i) {
    const double value = vector[i] * scale - origin * mean[i];
    sums[i - whole] += value * value;
  }
  Placement placement{};
  placement.norm = std::sqrt(((sums[0] + sums[4]) + (sums[1] + sums[5])) +
                             ((sums[2] + sums[6]) + (sums[3] + sums[7])));
  const double to_unit = placement.norm > 0 ? 1 / placement.norm : 0;
  float *direction = room.direction;
  for (size_t i = 0; i < n; ++i) {
    direction[i] = static_cast<float>((vector[i] * scale - origin * mean[i]) * to_unit);
  }
  float share[rotated_axes];
  for (uint32_t a = 0; a < rotated_axes; ++a) {
    share[a] = passes_.dot(&model_.axes[a * n], direction, n);
    placement.axis[a] = share[a] * placement.norm;
  }
  for (uint32_t a = 0; a < rotated_axes; ++a) {
    passes_.take_off(&model_.axes[a * n], share[a], direction, n);
  }
  placement.rest =
      placement.norm * std::sqrt(static_cast<double>(passes_.dot(direction, direction, n)));
  rotation_.apply(direction, room.scratch, room.rotated);
  return placement;
}

void Placer::restore(const Placement &placement, const PlacementRoom &room, float *out) const {
  const size_t n = model_.dimension;
  rotation_.invert(room.rotated, room.scratch, room.direction);
  for (size_t i = 0; i < n; ++i) {
    double value = static_cast<double>(model_.mean[i]) + room.direction[i];
    for (uint32_t a = 0; a < rotated_axes; ++a) value += placement.axis[a] * model_.axes[a * n + i];
    out[i] = static_cast<float>(value);
  }
}

}  // namespace annulus
