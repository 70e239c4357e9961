#include "read_plan.h"

#include <annulus/abi.h>

#include <algorithm>
#include <cmath>

namespace annulus {

namespace {

static_assert(ANNULUS_BOUND_CONFIDENCE == 0.99, "the quantile below belongs to it");
constexpr double bound_deviations = 2.3263478740408408;

// That a candidate is nearer than `worst`.
double chance(double estimate, double bound, double worst) {
  const double gap = estimate - worst;
  if (!(bound > 0)) return gap <= 0 ? 1 : 0;
  if (!std::isfinite(bound)) return 1;
  const double sqrt_half = 0.70710678118654752;
  return 0.5 * std::erfc(gap / bound * bound_deviations * sqrt_half);
}

}  // namespace

size_t reads_needed(const float *estimates, const float *bounds, size_t n, size_t limit,
                    size_t read, float worst) {
  const size_t least = std::max(limit, read);
  if (least >= n) return n;
  const double last =
      read == 0 ? estimates[limit - 1] + bounds[limit - 1] / bound_deviations : worst;
  const double allowed = missed_share * static_cast<double>(limit);
  double missed = 0;
  size_t needed = n;
  while (needed > least) {
    missed += chance(estimates[needed - 1], bounds[needed - 1], last);
    if (!(missed <= allowed)) break;
    --needed;
  }
  return needed;
}

}  // namespace annulus
