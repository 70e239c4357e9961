// How many candidates, in order of their estimates, must be read so that hardly any result is
// missed.
//
// An unread candidate is among the results if its true distance is below that of the last result.
// Its error is taken as normal, with the deviation that its bound implies; beyond the bound, where
// the answer is decided, that is what calibration measured. Reading stops when the expected number
// of results among the unread is a thousandth of the results wanted.
#pragma once

#include <cstddef>

namespace annulus {

/// Expected share of the results that bounded reading may miss.
inline constexpr double missed_share = 0.001;

/// Of n candidates in ascending order of `estimates`, how many to read: at least `limit` (or all
/// n).
///
/// Before anything is `read` the last result is taken to lie one deviation behind its estimate, so
/// that a second round trip of the disk is seldom needed. Reading more only brings the last result
/// nearer: after the second there is no third.
/// @param bounds each holds for ANNULUS_BOUND_CONFIDENCE of the pairs; infinite where unknown.
/// @param read candidates that are read, from the first on.
/// @param worst true distance of the last result among them.
size_t reads_needed(const float *estimates, const float *bounds, size_t n, size_t limit,
                    size_t read, float worst);

}  // namespace annulus
