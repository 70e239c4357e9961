// Every kernel of product codes against plain sums, and equal to the bit on all instruction sets.
#include "../kernels/product_kernels.h"

#include <annulus/aligned.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

namespace {

using annulus::centroid_count;
using annulus::max_width;
using annulus::ProductKernels;
using annulus::TableKind;

constexpr TableKind kinds[] = {TableKind::square, TableKind::absolute, TableKind::negative_product};

struct Case {
  size_t width;
  std::vector<float> centroids, point, points;
};

Case make_case(size_t width, bool coarse, std::mt19937 &random) {
  std::normal_distribution<float> normal;
  // Coarse values make equal distances, where the first centroid must win.
  const auto value = [&] { return coarse ? std::round(normal(random)) : normal(random); };
  Case made{width, {}, {}, {}};
  for (size_t i = 0; i < width * centroid_count; ++i) made.centroids.push_back(value());
  for (size_t i = 0; i < width; ++i) made.point.push_back(value());
  for (size_t i = 0; i < width * 77; ++i) made.points.push_back(value());
  return made;
}

// All that the kernels make of a case, as floats.
std::vector<float> run(const ProductKernels &kernels, const Case &c) {
  std::vector<float> out(3 * centroid_count + 2, 0.0f);
  for (size_t i = 0; i < 3; ++i) {
    kernels.table(kinds[i], c.point.data(), c.width, c.centroids.data(), &out[i * centroid_count]);
  }
  out[3 * centroid_count] =
      kernels.nearest(c.point.data(), c.width, c.centroids.data(), &out[3 * centroid_count + 1]);
  for (size_t i = 0; i < 3; ++i) {
    const auto first = out.begin() + static_cast<ptrdiff_t>(i * centroid_count);
    const auto ends = std::minmax_element(first, first + centroid_count);
    float least, largest;
    kernels.ends(&*first, &least, &largest);
    if (least != *ends.first || largest != *ends.second) return {};
  }
  std::vector<uint16_t> rounded(centroid_count);
  kernels.round(out.data(), out[3 * centroid_count + 1], 1000, rounded.data());
  out.insert(out.end(), rounded.begin(), rounded.end());
  std::vector<float> best(77, 3);
  std::vector<float> sums(2);
  kernels.approach(c.points.data(), 77, c.width, c.point.data(), best.data(), sums.data());
  out.insert(out.end(), best.begin(), best.end());
  out.insert(out.end(), sums.begin(), sums.end());
  for (const TableKind kind : kinds) {
    std::vector<float> sums(max_width, 1);
    kernels.compare(kind, c.centroids.data(), c.centroids.data() + 64, 64, sums.data());
    out.insert(out.end(), sums.begin(), sums.end());
  }
  return out;
}

bool tables_are_right(const std::vector<float> &out, const Case &c) {
  if (out.empty()) return false;
  size_t nearest = 0;
  double least = 1e30;
  for (size_t k = 0; k < centroid_count; ++k) {
    double square = 0, absolute = 0, product = 0;
    for (size_t d = 0; d < c.width; ++d) {
      const double q = c.point[d], x = c.centroids[centroid_count * d + k];
      square += (q - x) * (q - x);
      absolute += std::fabs(q - x);
      product -= q * x;
    }
    if (std::fabs(out[k] - square) > 1e-4 || std::fabs(out[centroid_count + k] - absolute) > 1e-4 ||
        std::fabs(out[2 * centroid_count + k] - product) > 1e-4) {
      return false;
    }
    if (out[k] < least) {
      least = out[k];
      nearest = k;
    }
    const double units = std::floor((out[k] - out[3 * centroid_count + 1]) * 1000.0f + 0.5f);
    if (out[3 * centroid_count + 2 + k] != std::min(units, 65535.0)) return false;
  }
  return out[3 * centroid_count] == static_cast<float>(nearest) &&
         out[3 * centroid_count + 1] == static_cast<float>(least);
}

// Many points at once have the same nearest centroids as one by one, whose distances `approach`
// gives as well, as do the sums of its blocks.
bool nearest_agree(const ProductKernels &kernels, const Case &c) {
  const size_t n = c.points.size() / c.width;
  std::vector<uint8_t> nearest(n);
  std::vector<float> distances(n), least(n, 1e30f), sums(2);
  kernels.nearest_of_each(c.points.data(), n, n, c.width, c.centroids.data(), nearest.data(),
                          distances.data());
  for (size_t k = 0; k < centroid_count; ++k) {
    float centroid[max_width];
    for (size_t d = 0; d < c.width; ++d) centroid[d] = c.centroids[centroid_count * d + k];
    kernels.approach(c.points.data(), n, c.width, centroid, least.data(), sums.data());
  }
  for (size_t i = 0; i < n; ++i) {
    float point[max_width];
    for (size_t d = 0; d < c.width; ++d) point[d] = c.points[n * d + i];
    float distance;
    if (kernels.nearest(point, c.width, c.centroids.data(), &distance) != nearest[i]) return false;
    if (distance != distances[i] || distance != least[i]) return false;
  }
  for (size_t b = 0; b < 2; ++b) {
    double sum = 0;
    for (size_t i = 64 * b; i < std::min<size_t>(64 * (b + 1), n); ++i) sum += least[i];
    if (std::fabs(sums[b] - sum) > 1e-5 * sum) return false;
  }
  return true;
}

bool sums_are_right(const ProductKernels &kernels, size_t subspaces, size_t count, bool extreme,
                    std::mt19937 &random) {
  annulus::AlignedVector<uint16_t> table(centroid_count * subspaces);
  for (uint16_t &entry : table) entry = extreme ? 65535 : static_cast<uint16_t>(random());
  // Each row an allocation of its own size, for the sanitizer.
  std::vector<std::unique_ptr<uint8_t[]>> owned;
  std::vector<const uint8_t *> rows;
  for (size_t r = 0; r < count; ++r) {
    owned.emplace_back(new uint8_t[subspaces]);
    for (size_t j = 0; j < subspaces; ++j) owned.back()[j] = static_cast<uint8_t>(random());
    rows.push_back(owned.back().get());
  }
  std::vector<uint32_t> out(count);
  annulus::AlignedVector<uint8_t> planes(2 * table.size());
  for (size_t j = 0; j < subspaces && kernels.split != nullptr; ++j) {
    kernels.split(&table[centroid_count * j], &planes[2 * centroid_count * j]);
  }
  kernels.sum(rows.data(), count, table.data(), planes.data(), subspaces, out.data());
  for (size_t r = 0; r < count; ++r) {
    uint64_t sum = 0;
    for (size_t j = 0; j < subspaces; ++j) sum += table[centroid_count * j + rows[r][j]];
    if (sum != out[r]) return false;
  }
  return true;
}

}  // namespace

int main() {
  std::mt19937 random(20240611);
  std::vector<Case> cases;
  for (size_t width = 1; width <= max_width; ++width) {
    for (const bool coarse : {false, true}) cases.push_back(make_case(width, coarse, random));
  }
  const ProductKernels reference = annulus::product_kernels(annulus::Isa::scalar);
  for (const annulus::Isa isa : annulus::all_isas) {
    if (!annulus::isa_supported(isa)) {
      std::printf("# %s: not on this machine\n", annulus::isa_name(isa));
      continue;
    }
    const ProductKernels kernels = annulus::product_kernels(isa);
    for (const Case &c : cases) {
      const std::vector<float> out = run(kernels, c);
      if (tables_are_right(out, c) && nearest_agree(kernels, c) && out == run(reference, c))
        continue;
      std::printf("not ok: %s is wrong at width %zu\n", annulus::isa_name(isa), c.width);
      return 1;
    }
    for (const size_t subspaces : {1, 2, 7, 8, 9, 24, 48, 63, 64, 65, 192, 255, 257, 768, 5000}) {
      for (const size_t count : {1, 2, 3, 4, 5, 15, 16, 17, 31, 32, 33, 63, 64}) {
        if (sums_are_right(kernels, subspaces, count, count % 2 == 0, random)) continue;
        std::printf("not ok: %s sums wrongly at %zu bytes\n", annulus::isa_name(isa), subspaces);
        return 1;
      }
    }
    std::printf("# %s: equal\n", annulus::isa_name(isa));
  }
  std::printf("ok\n");
  return 0;
}
