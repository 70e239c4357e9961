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

// A point drawn by its distance, of which `total` is the sum; block by block, then one by one.
size_t KMeans::draw(double share, double total) const {
  double left = share * total;
  size_t block = 0;
  for (size_t b = 0; b < block_sums_.size(); ++b) {
    if (block_sums_[b] == 0) continue;
    block = b;
    if (left < block_sums_[b]) break;
    left -= block_sums_[b];
  }
  const size_t end = std::min(n_, (block + 1) * block_points);
  size_t last = block * block_points;
  for (size_t i = last; i < end && left >= 0; ++i) {
    if (distances_[i] == 0) continue;
    last = i;
    left -= distances_[i];
  }
  return last;
}

void KMeans::seed(Random random) {
  distances_.assign(n_, std::numeric_limits<float>::max());
  nearest_.assign(n_, 0);
  block_sums_.resize((n_ + block_points - 1) / block_points);
  float chosen[max_width];
  point(random.below(n_), chosen);
  put(0, chosen);
  for (size_t k = 1; k < centroid_count; ++k) {
    kernels_.approach(points_, n_, width_, chosen, distances_.data(), block_sums_.data());
    double total = 0;
    for (const float sum : block_sums_) total += sum;
    // Drawn even when all points are taken, to keep the sequence simple.
    const double share = random.share();
    if (total > 0) {
      point(draw(share, total), chosen);
    } else {
      for (size_t d = 0; d < width_; ++d) chosen[d] = centroids_[centroid_count * d];
    }
    put(k, chosen);
  }
}

bool KMeans::assign() {
  before_ = nearest_;
  kernels_.nearest_of_each(points_, n_, n_, width_, centroids_, nearest_.data(), distances_.data());
  return nearest_ != before_;
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
