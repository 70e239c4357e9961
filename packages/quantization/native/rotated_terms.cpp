#include "rotated_terms.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "norm.h"

namespace annulus {

namespace {

// Two-sided 99 % of a normal distribution; components of random unit vectors have lighter tails.
constexpr double deviations = 2.5758293;
// Of the largest place along an axis, without its sign.
constexpr int axis_bits = 15;
// What rounding to float adds, of the magnitudes that are added up.
constexpr double rounding = 4e-7;

float to_float(double value) {
  constexpr double most = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(value, -most, most));
}

// The upper half of a float that is at least `value` >= 0.
uint16_t upper_half(double value) {
  const float given = to_float(value);
  uint32_t bits;
  std::memcpy(&bits, &given, sizeof bits);
  if (static_cast<double>(given) < value) ++bits;
  const uint32_t half = std::min((bits + 0xffff) >> 16, 0x7f7fu);
  return static_cast<uint16_t>(half);
}

// 2^exponent, for exponents far from the ends of what a double holds; any other wraps.
double power_of_two(int exponent) {
  const uint64_t bits = static_cast<uint64_t>((1023 + exponent) & 2047) << 52;
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

double from_upper_half(uint16_t half) {
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace

RotatedTerms RotatedTerms::of(const Placement &placement, const FittedLevels &fitted) {
  RotatedTerms terms;
  terms.norm = to_float(placement.norm);
  if (placement.rest > 0 && fitted.product > 0) {
    // The levels were fitted to the rest divided by the norm.
    const double share = placement.rest / placement.norm;
    const double inverse_cosine2 =
        fitted.square * share * share / (fitted.product * fitted.product);
    terms.factor = to_float(placement.rest * share / fitted.product);
    terms.rest = to_float(placement.rest);
    terms.tangent = upper_half(placement.rest * std::sqrt(std::max(inverse_cosine2 - 1, 0.0)));
  }
  double largest = 0;
  for (const double place : placement.axis) largest = std::max(largest, std::fabs(place));
  if (largest > 0) {
    terms.exponent = static_cast<int16_t>(std::ilogb(largest) - axis_bits + 1);
    for (uint32_t a = 0; a < rotated_axes; ++a) {
      const double level = placement.axis[a] * power_of_two(-terms.exponent);
      terms.axis[a] = static_cast<int16_t>(std::lrint(std::clamp(level, -32767.0, 32767.0)));
    }
  }
  return terms;
}

double RotatedTerms::place(uint32_t a) const { return axis[a] * power_of_two(exponent); }

double RotatedTerms::spread() const { return from_upper_half(tangent); }

double RotatedTerms::cosine() const {
  const double length = std::hypot(static_cast<double>(rest), spread());
  return length > 0 ? rest / length : 1;
}

double RotatedTerms::decode_error() const {
  const double rounded = power_of_two(exponent);
  const double axes = rotated_axes * rounded * rounded;
  const double sine_part = spread() * cosine();
  return std::sqrt(sine_part * sine_part + axes) * (1 + 4e-3) + rounding * norm;
}

void RotatedQuery::set(const RotatedModel &model, const Placement &placement, const float *vector) {
  euclidean = model.metric == ANNULUS_METRIC_EUCLIDEAN;
  factor = euclidean ? -2 : -1;
  rest = placement.rest;
  double squares = 0;
  for (uint32_t a = 0; a < rotated_axes; ++a) {
    axis[a] = placement.axis[a];
    squares += axis[a] * axis[a];
  }
  axis_norm = std::sqrt(squares);
  if (euclidean) {
    base = placement.norm * placement.norm;
    return;
  }
  double product = 0;
  for (size_t i = 0; i < model.dimension; ++i) {
    product += static_cast<double>(model.mean[i]) * vector[i];
  }
  const bool cosine_metric = model.metric == ANNULUS_METRIC_COSINE;
  base = -product * (cosine_metric ? inverse_norm(vector, model.dimension) : 1.0);
}

void RotatedQuery::set(const RotatedModel &model, const RotatedTerms &terms) {
  euclidean = model.metric == ANNULUS_METRIC_EUCLIDEAN;
  factor = euclidean ? -2 : -1;
  rest = terms.rest;
  noise = terms.spread();
  for (uint32_t a = 0; a < rotated_axes; ++a) axis[a] = terms.place(a);
  cosine = terms.cosine();
  level_norm = terms.factor > 0 ? terms.rest / (terms.factor * cosine) : 1;
  unit = 0.5 * terms.rest / level_norm;
  if (euclidean) {
    base = static_cast<double>(terms.norm) * terms.norm;
  } else {
    // Seen from the origin; the mean lies along the first axis.
    axis[0] += model.mean_norm;
    base = -model.mean_norm * axis[0];
  }
  double squares = 0;
  for (const double place : axis) squares += place * place;
  axis_norm = std::sqrt(squares);
}

double RotatedQuery::along_axes(const RotatedTerms &terms) const {
  static_assert(rotated_axes == 8, "added up as a tree, which does not wait for each addition");
  double part[8];
  for (uint32_t a = 0; a < 8; ++a) part[a] = axis[a] * terms.axis[a];
  for (uint32_t a = 0; a < 4; ++a) part[a] += part[a + 4];
  return ((part[0] + part[2]) + (part[1] + part[3])) * power_of_two(terms.exponent);
}

float RotatedQuery::distance(const RotatedTerms &terms, double sum) const {
  double product = terms.factor * unit * sum;
  if (cosine > 0) {
    // Between codes: s is the cosine of their angle, of which small values are too small by both
    // codes' cosines and 1 is right; for signs this is the arcsine law to its third power.
    const double own = terms.cosine();
    const double s =
        std::min(rest * terms.rest > 0 ? product * own / (rest * terms.rest) : 0.0, 1.0);
    product = rest * terms.rest * s * (1 + (1 / (cosine * own) - 1) * (1 - s * s));
  }
  const double estimate = base + factor * (along_axes(terms) + product);
  if (!euclidean) return to_float(estimate);
  return to_float(std::max(estimate + static_cast<double>(terms.norm) * terms.norm, 0.0));
}

void RotatedQuery::distances(const uint8_t *const *rows, size_t terms_at, const double *sums,
                             size_t n, float *out) const {
  for (size_t i = 0; i < n; ++i) out[i] = distance(RotatedTerms::read(rows[i] + terms_at), sums[i]);
}

// The error of the product of o with the query's rest r is |o| |r| sin(o, r) tan(o, u - m) times
// one component of a random unit vector. The sine comes from the estimate and its error itself.
float RotatedQuery::bound(const RotatedTerms &terms, float distance, size_t dimension) const {
  const double own = static_cast<double>(terms.norm) * terms.norm;
  const double whole = ((euclidean ? own + base : base) - distance) / -factor;
  const double product = whole - along_axes(terms);
  const double lengths = rest * terms.rest;
  const double n = static_cast<double>(dimension);
  const double code = terms.spread() * rest / std::sqrt(std::max(n - 1, 1.0));
  const double coded = std::hypot(static_cast<double>(terms.rest), terms.spread());
  const double query = coded * noise / std::sqrt(n);
  const double axes = axis_norm * power_of_two(terms.exponent) / std::sqrt(12.0);
  const auto total = [&](double sine) {
    return deviations * std::sqrt(code * code * sine * sine + query * query + axes * axes);
  };
  const double least = std::max(std::fabs(product) - total(1), 0.0);
  const double cosine_least = lengths > 0 ? std::min(least / lengths, 1.0) : 0;
  const double magnitudes = std::fabs(base) + (euclidean ? own : 0) +
                            std::fabs(factor) * (axis_norm * terms.norm + lengths);
  const double width =
      -factor * total(std::sqrt(1 - cosine_least * cosine_least)) + rounding * magnitudes;
  return terms.norm < std::numeric_limits<float>::max() ? to_float(width)
                                                        : std::numeric_limits<float>::infinity();
}

}  // namespace annulus
