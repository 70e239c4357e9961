// k-means of one sub-space: 256 centroids, chosen by k-means++ and improved by Lloyd's steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/product_kernels.h"
#include "random.h"

namespace annulus {

/// Points of one sub-space and their centroids, both component by component. Each step is short
/// enough for a background job; the result depends on the points and the random numbers only.
class KMeans {
 public:
  /// @param points n x width values, component by component, borrowed.
  /// @param centroids 256 x width values, component by component, borrowed.
  KMeans(const ProductKernels &kernels, const float *points, size_t n, size_t width,
         float *centroids)
      : kernels_(kernels), points_(points), n_(n), width_(width), centroids_(centroids) {}

  /// Chooses points as the first centroids, each with a probability that grows with its squared
  /// distance from those before (Arthur and Vassilvitskii, "k-means++", 2007). With fewer distinct
  /// points than centroids all are chosen, and the rest are copies of the first.
  void seed(Random random);
  /// Moves each centroid to the mean of the points nearest to it. An idle one goes to the point
  /// that is farthest from its own. Does nothing once no point changes sides.
  void step();

 private:
  void point(size_t i, float *out) const;
  void put(size_t k, const float *value);
  size_t draw(double share, double total) const;
  bool assign();
  void revive(size_t k);

  const ProductKernels &kernels_;
  const float *points_;
  size_t n_;
  size_t width_;
  float *centroids_;
  std::vector<uint8_t> nearest_;
  std::vector<uint8_t> before_;
  std::vector<float> distances_;
  std::vector<float> block_sums_;
  bool settled_ = false;
};

}  // namespace annulus
