// Kernels of product codes: nearest centroids, distance tables, sums over tables.
//
// The one subtle rule: floats are computed centroid by centroid in one order without fused
// multiply-adds, and sums over tables are exact integers, so all instruction sets agree bit for
// bit.
#pragma once

#include <annulus/cpu.h>

#include <cstddef>
#include <cstdint>

namespace annulus {

/// Centroids of a sub-space: one byte of a code.
constexpr size_t centroid_count = 256;
/// Components of the widest sub-space.
constexpr size_t max_width = 16;
/// Points that are compared with centroids at a time.
constexpr size_t block_points = 64;

/// How a query and a centroid are compared.
enum class TableKind { square, absolute, negative_product };

/// The kernels of one Isa. Centroids lie component by component: component d of centroid k at
/// [256 d + k]; `width` is at most `max_width`.
struct ProductKernels {
  /// The nearest centroid by Euclidean distance, the first of equals, and its squared distance.
  uint8_t (*nearest)(const float *point, size_t width, const float *centroids, float *distance);
  /// The same for points component by component, `stride` apart: fastest for many.
  void (*nearest_of_each)(const float *points, size_t n, size_t stride, size_t width,
                          const float *centroids, uint8_t *nearest, float *distances);
  /// out[k] = the share of sub-space and centroid k in a distance.
  void (*table)(TableKind kind, const float *query, size_t width, const float *centroids,
                float *out);
  /// The least and the largest of 256 values.
  void (*ends)(const float *values, float *least, float *largest);
  /// out[k] = round((in[k] - low) * per_unit), 0 to 65535.
  void (*round)(const float *in, float low, float per_unit, uint16_t *out);
  /// best[i] = min(best[i], squared distance of point i from the centroid), points component by
  /// component, n apart; sums[b] = the sum of best over block b of `block_points`.
  void (*approach)(const float *points, size_t n, size_t width, const float *centroid, float *best,
                   float *sums);
  /// sums[l] += the terms of components l, l + 16, ... of a and b; n is a multiple of 16.
  void (*compare)(TableKind kind, const float *a, const float *b, size_t n, float *sums);
  /// Lays the 256 entries of a table out as `sum` takes them beside it: 512 bytes. Null where it
  /// does not.
  void (*split)(const uint16_t *table, uint8_t *planes);
  /// out[r] = sum over j of table[256 j + rows[r][j]].
  void (*sum)(const uint8_t *const *rows, size_t count, const uint16_t *table,
              const uint8_t *planes, size_t subspaces, uint32_t *out);
};

/// Kernels of the best supported level at or below `isa`.
ProductKernels product_kernels(Isa isa = active_isa());

}  // namespace annulus
