#include "read_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace annulus {

namespace {

static_assert(ANNULUS_BOUND_CONFIDENCE == 0.99, "the quantile below belongs to it");
constexpr double bound_deviations = 2.3263478740408408;
constexpr double far_deviations = 6;

// Of the normal distribution: what lies beyond so many deviations.
double tail(double deviations) {
  const double sqrt_half = 0.70710678118654752;
  return 0.5 * std::erfc(deviations * sqrt_half);
}

// That a candidate is nearer than `worst`.
double chance(double estimate, double bound, double worst) {
  const double gap = estimate - worst;
  if (!(bound > 0)) return gap <= 0 ? 1 : 0;
  if (!std::isfinite(bound)) return 1;
  return tail(gap / bound * bound_deviations);
}

// The prefix that `bounded` reads, when the first `read` are read and the last result among them is
// `worst` away.
size_t prefix_needed(const KnownCandidates &known, const ReadPlan &plan, size_t read,
                     double worst) {
  const size_t least = std::max(plan.limit, read);
  if (least >= known.n) return known.n;
  const double allowed = plan.loss * static_cast<double>(plan.limit);
  double missed = 0;
  size_t needed = known.n;
  while (needed > least) {
    missed += chance(known.estimates[needed - 1], known.bounds[needed - 1].below, worst);
    if (!(missed <= allowed)) break;
    --needed;
  }
  return needed;
}

size_t first_prefix(const KnownCandidates &known, const ReadPlan &plan) {
  const size_t last = std::min(plan.limit, known.n) - 1;
  return prefix_needed(known, plan, 0,
                       known.estimates[last] + known.bounds[last].below / bound_deviations);
}

size_t range(size_t from, size_t to, uint32_t *next) {
  std::iota(next, next + (to - from), static_cast<uint32_t>(from));
  return to - from;
}

// What `bounded` reads after the first `read`, all of which are read.
size_t extend(const KnownCandidates &known, const ReadPlan &plan, size_t read, uint32_t *next,
              float *scratch) {
  if (read >= known.n) return 0;
  std::copy(known.distances, known.distances + read, scratch);
  float *worst = scratch + plan.limit - 1;
  std::nth_element(scratch, worst, scratch + read);
  return range(read, prefix_needed(known, plan, read, *worst), next);
}

// Candidates as normal distributions, and the cut between results and others.
class Cut {
 public:
  Cut(const KnownCandidates &known, size_t limit) : known_(known) {
    const auto wanted = static_cast<double>(limit);
    double low = std::numeric_limits<double>::max();
    double high = -low;
    for (size_t i = 0; i < known.n; ++i) {
      const double deviation = deviation_of(i);
      if (!std::isfinite(deviation)) continue;
      low = std::min(low, known.distances[i] - far_deviations * deviation);
      high = std::max(high, known.distances[i] + far_deviations * deviation);
    }
    // `limit` results are expected to be nearer than the cut.
    for (int step = 0; step < 40 && low < high; ++step) {
      at_ = low + (high - low) / 2;
      const double nearer = nearer_than_cut();
      if (std::fabs(nearer - wanted) < tolerance) return;
      (nearer < wanted ? low : high) = at_;
    }
    at_ = high;
  }

  // That a candidate is nearer than the cut.
  double nearer(size_t i) const {
    const double deviation = deviation_of(i);
    const double gap = at_ - known_.distances[i];
    if (!std::isfinite(deviation)) return 0.5;
    if (gap >= far_deviations * deviation) return 1;
    return gap < -far_deviations * deviation ? 0 : tail(-gap / deviation);
  }

  // That one which was not read lies on the other side of the cut than where it seems to lie.
  double doubt(size_t i) const {
    const double chance = nearer(i);
    return std::isfinite(deviation_of(i)) ? std::min(chance, 1 - chance) : 1;
  }

 private:
  static constexpr double tolerance = 0.005;

  double deviation_of(size_t i) const {
    if (known_.read[i] != 0) return 0;
    const annulus_bound &bound = known_.bounds[i];
    return (static_cast<double>(bound.below) + bound.above) / (2 * bound_deviations);
  }
  double nearer_than_cut() const {
    double sum = 0;
    for (size_t i = 0; i < known_.n; ++i) sum += nearer(i);
    return sum;
  }

  const KnownCandidates &known_;
  double at_ = 0;
};

size_t uncertain_reads(const KnownCandidates &known, const ReadPlan &plan, size_t prefix,
                       uint32_t *next, float *doubts) {
  const Cut cut(known, plan.limit);
  const double allowed = plan.loss * static_cast<double>(plan.limit);
  size_t unread = 0;
  double behind = 0;
  for (size_t i = 0; i < known.n; ++i) {
    if (known.read[i] != 0) continue;
    if (i >= prefix) {
      behind += cut.nearer(i);
      continue;
    }
    doubts[i] = static_cast<float>(cut.doubt(i));
    next[unread++] = static_cast<uint32_t>(i);
  }
  const bool begun = unread < prefix;
  if (begun && !(behind <= allowed)) return unread;
  std::sort(next, next + unread, [doubts](uint32_t a, uint32_t b) {
    return doubts[a] != doubts[b] ? doubts[a] > doubts[b] : a < b;
  });
  double left = allowed - std::min(behind, allowed);
  for (; unread > 0 && doubts[next[unread - 1]] <= left; --unread) left -= doubts[next[unread - 1]];
  std::sort(next, next + unread);
  return unread;
}

}  // namespace

float likely_distance(uint32_t metric, float estimate, annulus_bound bound) {
  if (!std::isfinite(bound.below) || !std::isfinite(bound.above)) return estimate;
  const float middle = estimate + (bound.above - bound.below) / 2;
  const bool signed_metric = metric == ANNULUS_METRIC_COSINE || metric == ANNULUS_METRIC_DOT;
  return signed_metric ? middle : std::max(middle, 0.0f);
}

size_t next_reads(const KnownCandidates &known, const ReadPlan &plan, uint32_t *next,
                  float *scratch) {
  size_t leading = 0;
  while (leading < known.n && known.read[leading] != 0) ++leading;
  if (plan.rescore == Rescore::all) return range(leading, known.n, next);
  if (plan.rescore == Rescore::uncertain && known.n <= plan.limit) return 0;
  const size_t prefix = known.n == 0 ? 0 : first_prefix(known, plan);
  if (leading >= prefix) return extend(known, plan, leading, next, scratch);
  if (plan.rescore == Rescore::bounded) return range(leading, prefix, next);
  return uncertain_reads(known, plan, prefix, next, scratch);
}

}  // namespace annulus
