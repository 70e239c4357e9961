// The centroids of product codes, and how the components are shared among sub-spaces.
#pragma once

#include <annulus/aligned.h>

#include <cstddef>
#include <cstdint>

#include "kernels/product_kernels.h"

namespace annulus {

/// Sub-spaces of neighbouring components, as even as can be: their widths differ by at most one.
struct SubSpaces {
  uint32_t dimension;
  uint32_t count;

  /// One byte for `compression` bytes of float32: 4, 8, 16, 32 or 64.
  static SubSpaces of(uint32_t dimension, uint32_t compression) {
    return {dimension,
            static_cast<uint32_t>((4 * uint64_t{dimension} + compression - 1) / compression)};
  }
  uint32_t start(size_t j) const { return static_cast<uint32_t>(j * uint64_t{dimension} / count); }
  uint32_t width(size_t j) const { return start(j + 1) - start(j); }
};

inline bool compression_known(uint32_t compression) {
  return compression == 4 || compression == 8 || compression == 16 || compression == 32 ||
         compression == 64;
}

struct ProductCodebook {
  uint32_t compression = 0;
  /// Power of two that values are multiplied by before they are compared with centroids, so that
  /// neither tiny nor huge vectors leave the range of float when squared.
  double scale = 1;
  /// 256 centroids of each sub-space, component by component, sub-space after sub-space.
  AlignedVector<float> centroids;

  const float *of(const SubSpaces &spaces, size_t j) const {
    return centroids.data() + centroid_count * spaces.start(j);
  }
};

}  // namespace annulus
