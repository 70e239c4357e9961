#include "calibration.h"

#include <algorithm>

#include "norm.h"

namespace annulus {

namespace {

// Bounds are fitted to half the share of violations that is stated: the pairs of one sample are not
// independent, and later vectors not quite like it.
constexpr double fitted_confidence = 1 - (1 - ANNULUS_BOUND_CONFIDENCE) / 2;
constexpr size_t pairs_min = 20'000;
constexpr size_t bin_pairs_min = 400;
constexpr size_t nearer_pairs_min = 64;
// Shares of all pairs, nearest first, that end a bin: candidates of a search are among the first.
constexpr double bin_ends[] = {2e-4, 1e-3, 5e-3, 3e-2, 0.2, 1};
constexpr size_t bins = sizeof bin_ends / sizeof *bin_ends;
static_assert(bins + 1 <= Calibration::knots_max, "one knot a bin, and one for nearer pairs");

using Iterator = AlignedVector<MeasuredPair>::iterator;

// Which way an error goes: the true distance is nearer or farther than its estimate.
enum class Side { below, above };

double error_to(Side side, const MeasuredPair &pair) {
  return side == Side::below ? pair.error : -pair.error;
}

// The rank is two standard deviations late, so that few pairs do not promise too much.
double upper_error(Iterator from, Iterator to, Side side) {
  const auto n = static_cast<double>(to - from);
  const double late = 2 * std::sqrt(n * fitted_confidence * (1 - fitted_confidence));
  const double rank = std::min(n - 1, std::ceil(n * fitted_confidence + late));
  const Iterator at = from + static_cast<ptrdiff_t>(rank);
  std::nth_element(from, at, to, [side](const MeasuredPair &a, const MeasuredPair &b) {
    return error_to(side, a) < error_to(side, b);
  });
  return std::max(0.0, error_to(side, *at));
}

bool nearer_first(const MeasuredPair &a, const MeasuredPair &b) { return a.position < b.position; }

double median_position(Iterator from, Iterator to) {
  const Iterator middle = from + (to - from) / 2;
  std::nth_element(from, middle, to, nearer_first);
  return middle->position;
}

void add_knot(Calibration &fit, Iterator from, Iterator to) {
  const double position = median_position(from, to);
  const double below = upper_error(from, to, Side::below);
  const double above = upper_error(from, to, Side::above);
  const uint32_t last = fit.knots - 1;
  if (fit.knots > 0 && !(position > fit.position[last])) {
    fit.below[last] = std::max(fit.below[last], below);
    fit.above[last] = std::max(fit.above[last], above);
    return;
  }
  fit.position[fit.knots] = position;
  fit.below[fit.knots] = below;
  fit.above[fit.knots] = above;
  ++fit.knots;
}

// What occurs has its own knots; pairs that were made only count where nothing occurs.
void add_nearest_knot(Calibration &fit, AlignedVector<MeasuredPair> &nearer, double edge) {
  const Iterator end =
      std::partition(nearer.begin(), nearer.end(),
                     [edge](const MeasuredPair &pair) { return pair.position < edge; });
  if (static_cast<size_t>(end - nearer.begin()) >= nearer_pairs_min) {
    add_knot(fit, nearer.begin(), end);
  }
}

// Near is not the same for every query: the nearest of one lie where most pairs of another do, and
// may err more.
void raise(Calibration &fit, const AlignedVector<MeasuredPair> &candidates, Side side) {
  if (candidates.size() < bin_pairs_min) return;
  double *factors = side == Side::below ? fit.below : fit.above;
  const double largest = *std::max_element(factors, factors + Calibration::knots_max);
  if (!(largest > 0)) return;
  AlignedVector<MeasuredPair> relative = candidates;
  for (MeasuredPair &pair : relative) {
    const Calibration::Factors at = fit.factors_at(pair.position);
    const double factor = std::max(side == Side::below ? at.below : at.above, largest * 1e-3);
    pair.error = static_cast<float>(pair.error / factor);
  }
  const double raised = upper_error(relative.begin(), relative.end(), side);
  for (uint32_t i = 0; i < fit.knots; ++i) factors[i] *= std::max(1.0, raised);
}

}  // namespace

double reconstruction_error(uint32_t metric, const float *vector, const float *decoded, size_t n) {
  const double scale = metric == ANNULUS_METRIC_COSINE ? inverse_norm(vector, n) : 1;
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    const double difference = vector[i] * scale - decoded[i];
    sum += difference * difference;
  }
  return std::sqrt(sum);
}

bool Calibration::sound() const {
  if (knots > knots_max || zero != 0 || (pairs > 0) != (knots > 0)) return false;
  if (!std::isfinite(tail_error) || tail_error < 0) return false;
  for (uint32_t i = 0; i < knots; ++i) {
    if (!std::isfinite(position[i])) return false;
    if (!std::isfinite(below[i]) || below[i] < 0) return false;
    if (!std::isfinite(above[i]) || above[i] < 0) return false;
    if (i > 0 && !(position[i] > position[i - 1])) return false;
  }
  return true;
}

Calibration::Factors Calibration::factors_at(double at) const {
  const double *end = position + knots;
  const double *next = std::upper_bound(position, end, at);
  if (next == position) return {below[0], above[0]};
  const auto i = static_cast<size_t>(next - position);
  if (next == end) return {below[i - 1], above[i - 1]};
  const double share = (at - position[i - 1]) / (position[i] - position[i - 1]);
  return {below[i - 1] + share * (below[i] - below[i - 1]),
          above[i - 1] + share * (above[i] - above[i - 1])};
}

Calibration fit_calibration(MeasuredPairs &measured) {
  Calibration fit;
  AlignedVector<MeasuredPair> &pairs = measured.all;
  if (pairs.size() < pairs_min) return fit;
  fit.pairs = pairs.size() + measured.nearer.size();
  Iterator start = pairs.begin();
  for (const double share : bin_ends) {
    const auto rank = static_cast<size_t>(share * static_cast<double>(pairs.size()));
    const Iterator end = pairs.begin() + static_cast<ptrdiff_t>(rank);
    if (end < start + bin_pairs_min) continue;
    if (end != pairs.end()) std::nth_element(start, end, pairs.end(), nearer_first);
    if (fit.knots == 0) add_nearest_knot(fit, measured.nearer, median_position(start, end));
    add_knot(fit, start, end);
    start = end;
  }
  raise(fit, measured.candidates, Side::below);
  raise(fit, measured.candidates, Side::above);
  return fit;
}

}  // namespace annulus
