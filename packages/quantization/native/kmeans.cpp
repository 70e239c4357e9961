#include "kmeans.h"

#include <algorithm>
#include <limits>

namespace annulus {

void KMeans::point(size_t i, float *out) const {
  for (size_t d = 0; d < width_; ++d) out[d] = points_[n_ * d + i];
}

void KMeans::put(size_t k, const float *value) {
  for (size_t d = 0; d < width_; ++d) centroids_[centroid_count * d + k] = value[d];
}

void KMeans::seed(Random random) {
  distances_.assign(n_, std::numeric_limits<float>::max());
  nearest_.assign(n_, 0);
  float chosen[max_width];
  point(random.below(n_), chosen);
  put(0, chosen);
  for (size_t k = 1; k < centroid_count; ++k) {
    kernels_.approach(points_, n_, width_, chosen, distances_.data());
    double total = 0;
    for (const float distance : distances_) total += distance;
    // Drawn even when all points are taken, to keep the sequence simple.
    double left = random.share() * total;
    size_t i = 0;
    if (total > 0) {
      size_t last = 0;
      for (; i < n_; ++i) {
        if (distances_[i] == 0) continue;
        last = i;
        left -= distances_[i];
        if (left < 0) break;
      }
      point(std::min(i, last), chosen);
    } else {
      for (size_t d = 0; d < width_; ++d) chosen[d] = centroids_[centroid_count * d];
    }
    put(k, chosen);
  }
}

bool KMeans::assign() {
  bool changed = false;
  for (size_t i = 0; i < n_; ++i) {
    float value[max_width];
    point(i, value);
    const uint8_t nearest = kernels_.nearest(value, width_, centroids_, &distances_[i]);
    changed = changed || nearest != nearest_[i];
    nearest_[i] = nearest;
  }
  return changed;
}

void KMeans::revive(size_t k) {
  const auto farthest = std::max_element(distances_.begin(), distances_.end());
  if (*farthest == 0) return;
  float value[max_width];
  point(static_cast<size_t>(farthest - distances_.begin()), value);
  put(k, value);
  *farthest = 0;
}

void KMeans::step() {
  if (settled_) return;
  settled_ = !assign();
  double sums[centroid_count][max_width] = {};
  uint32_t members[centroid_count] = {};
  for (size_t i = 0; i < n_; ++i) {
    const uint8_t k = nearest_[i];
    ++members[k];
    for (size_t d = 0; d < width_; ++d) sums[k][d] += points_[n_ * d + i];
  }
  for (size_t k = 0; k < centroid_count; ++k) {
    if (members[k] == 0) {
      revive(k);
      continue;
    }
    float mean[max_width];
    for (size_t d = 0; d < width_; ++d) mean[d] = static_cast<float>(sums[k][d] / members[k]);
    put(k, mean);
  }
}

}  // namespace annulus
