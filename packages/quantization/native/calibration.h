// How far true distances lie below and above their estimates, learned when codes are trained.
//
// A bound says: the true distance is at least estimate - below for a stated share of pairs, and at
// most estimate + above for as many. Each side is a
// scale (what the error of a pair grows with by its nature) times a factor that depends on how far
// the pair is, as near pairs err otherwise than far ones: knots at quantiles of the distance,
// straight lines between.
#pragma once

#include <annulus/abi.h>
#include <annulus/aligned.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace annulus {

/// What an error grows with where the kind of code does not know better: the length of the query
/// for products of raw vectors, the distance for its square.
inline double natural_scale(uint32_t metric, double estimate, double query_norm) {
  if (metric == ANNULUS_METRIC_DOT) return query_norm;
  if (metric == ANNULUS_METRIC_EUCLIDEAN) return std::sqrt(std::fmax(estimate, 0.0));
  return 1;
}

/// Where on the line of distances a pair is, whatever the length of the query.
inline double pair_position(uint32_t metric, double estimate, double query_norm) {
  if (metric == ANNULUS_METRIC_DOT) return query_norm > 0 ? estimate / query_norm : 0;
  if (metric == ANNULUS_METRIC_EUCLIDEAN) return std::sqrt(std::fmax(estimate, 0.0));
  return estimate;
}

/// Distance of a vector, as it is encoded, from what its code stands for.
double reconstruction_error(uint32_t metric, const float *vector, const float *decoded, size_t n);

/// A pair of a query and a code that were measured.
struct MeasuredPair {
  float position;
  float error;  // (estimate - true distance) / scale
};

/// Plain data, as the snapshot keeps it.
struct Calibration {
  static constexpr uint32_t knots_max = 8;

  uint64_t pairs = 0;  // measured; 0 when there is no calibration
  uint32_t knots = 0;
  uint32_t zero = 0;
  double position[knots_max] = {};  // ascending
  double below[knots_max] = {};     // factors, at least 0
  double above[knots_max] = {};
  /// What `tail_share` of the training vectors lie farther than from what their codes stand for.
  double tail_error = 0;

  static constexpr double tail_share = 0.05;

  bool known() const { return pairs > 0; }
  /// Whether a stored one makes sense.
  bool sound() const;
  struct Factors {
    double below;
    double above;
  };
  Factors factors_at(double position) const;
};
static_assert(std::is_trivially_copyable_v<Calibration> && sizeof(Calibration) == 216,
              "the format has no gaps");

/// What was measured; reordered by fitting.
struct MeasuredPairs {
  AlignedVector<MeasuredPair> all;
  /// The nearest of each query, by estimate: what a search has for candidates.
  AlignedVector<MeasuredPair> candidates;
  /// Made to be nearer than any that occurs.
  AlignedVector<MeasuredPair> nearer;
};

/// Fits knots to all pairs, continues the line to pairs nearer than those, and raises it until it
/// holds for the candidates of searches, too. Nothing is known (`pairs` 0) where there are too few.
Calibration fit_calibration(MeasuredPairs &measured);

}  // namespace annulus
