// encode_aligned: rounding that leaves no error along the vector.
#include <algorithm>
#include <cmath>

#include "scalar_encode.h"

namespace annulus {

namespace {

// A level that can move by one; the lower the cost, the less error that adds for what it corrects.
struct Move {
  double cost;
  uint32_t index;
  bool operator<(const Move &other) const {
    return cost < other.cost || (cost == other.cost && index < other.index);
  }
};

constexpr size_t moves_max = 256;
constexpr size_t block = 512;

// The cheap moves of a vector, cheapest first; `excess` of a move is its cost times its size less
// `cost_max` times it.
size_t find_moves(const LevelEncoder &encoder, const float *vector, size_t n, double scale,
                  const ScalarRange &range, const uint8_t *row, double direction, double cost_max,
                  Move *moves) {
  double excess[block];
  size_t count = 0;
  for (size_t from = 0; from < n; from += block) {
    const size_t length = std::min(block, n - from);
    encoder.moves(vector + from, length, scale, range, row + from, direction, cost_max, excess);
    for (size_t i = 0; i < length && count < moves_max; ++i) {
      if (excess[i] > 0) continue;
      const double size = std::fabs(vector[from + i] * scale);
      if (size > 0) moves[count++] = {excess[i] / size, static_cast<uint32_t>(from + i)};
    }
  }
  std::sort(moves, moves + count);
  return count;
}

}  // namespace

LevelSums encode_aligned(const LevelEncoder &encoder, const float *vector, size_t n, double scale,
                         const ScalarRange &range, uint8_t *row) {
  LevelSums sums = encoder.encode(vector, n, scale, range, row);
  const VectorSums vector_sums = encoder.sums(vector, row, n);
  const double target = vector_sums.squares * scale * scale;
  const double decoded =
      scale * (range.middle * vector_sums.values + range.step * vector_sums.levels);
  // What moves have to add to the product of vector and decoded vector, in steps.
  double missing = (target - decoded) / range.step;
  if (!(target > 0) || !std::isfinite(missing) || missing == 0) return sums;
  const double direction = missing > 0 ? 1 : -1;
  missing = std::fabs(missing);
  // All moves that cost up to `cost` add about cost * target; twice that, to choose from, and never
  // so much that a component is off by more than a step.
  const double largest = vector_sums.largest * scale;
  const double cost_max = std::min(2 * (missing + largest / 2) / target, 0.5 / largest);
  Move moves[moves_max];
  const size_t count =
      find_moves(encoder, vector, n, scale, range, row, direction, cost_max, moves);
  for (size_t m = 0; m < count && missing > 0; ++m) {
    const uint32_t i = moves[m].index;
    const double gain = std::fabs(vector[i] * scale);
    if (gain >= 2 * missing) continue;
    const int32_t by = (vector[i] > 0) == (direction > 0) ? 1 : -1;
    const int32_t level = row[i] - 128;
    row[i] = static_cast<uint8_t>(row[i] + by);
    sums.levels += by;
    sums.squares += 2 * by * level + 1;
    missing -= gain;
  }
  return sums;
}

}  // namespace annulus
