// The range that scalar codes cover: a code c stands for middle + step * (c - 128).
#pragma once

namespace annulus {

struct ScalarRange {
  double middle = 0;    // value of level 128
  double step = 1;      // between levels, > 0 and finite
  double quantile = 1;  // share of the sample's values inside the range, at least

  double low() const { return middle - 128 * step; }
  double high() const { return middle + 127 * step; }
};

}  // namespace annulus
