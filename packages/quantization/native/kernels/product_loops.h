// Plain loops, compiled once for each instruction set; the compiler vectorizes them. With the
// scalar target they are the reference.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "product_kernels.h"

#if defined(__GNUC__) || defined(__clang__)
#define ANNULUS_INLINE inline __attribute__((always_inline))
#else
#define ANNULUS_INLINE inline
#endif

namespace annulus::product_loops {

ANNULUS_INLINE void squares(const float *point, size_t width, const float *centroids, float *out) {
  for (size_t k = 0; k < centroid_count; ++k) {
    const float difference = point[0] - centroids[k];
    out[k] = difference * difference;
  }
  for (size_t d = 1; d < width; ++d) {
    const float *component = centroids + centroid_count * d;
    for (size_t k = 0; k < centroid_count; ++k) {
      const float difference = point[d] - component[k];
      out[k] += difference * difference;
    }
  }
}

ANNULUS_INLINE uint8_t nearest(const float *point, size_t width, const float *centroids,
                               float *distance) {
  alignas(64) float distances[centroid_count];
  squares(point, width, centroids, distances);
  // Floats that are not negative sort like their bits, and minima of integers vectorize.
  alignas(64) int32_t bits[centroid_count];
  std::memcpy(bits, distances, sizeof bits);
  int32_t least = bits[0];
  for (size_t k = 1; k < centroid_count; ++k) least = bits[k] < least ? bits[k] : least;
  int32_t first = centroid_count;
  for (int32_t k = 0; k < static_cast<int32_t>(centroid_count); ++k) {
    const int32_t candidate = bits[k] == least ? k : static_cast<int32_t>(centroid_count);
    first = candidate < first ? candidate : first;
  }
  std::memcpy(distance, &least, sizeof least);
  return static_cast<uint8_t>(first);
}

ANNULUS_INLINE void table(TableKind kind, const float *query, size_t width, const float *centroids,
                          float *out) {
  if (kind == TableKind::square) return squares(query, width, centroids, out);
  for (size_t k = 0; k < centroid_count; ++k) out[k] = 0;
  for (size_t d = 0; d < width; ++d) {
    const float *component = centroids + centroid_count * d;
    if (kind == TableKind::absolute) {
      for (size_t k = 0; k < centroid_count; ++k) out[k] += std::fabs(query[d] - component[k]);
    } else {
      for (size_t k = 0; k < centroid_count; ++k) out[k] -= query[d] * component[k];
    }
  }
}

ANNULUS_INLINE void ends(const float *values, float *least, float *largest) {
  float low[16], high[16];
  for (size_t l = 0; l < 16; ++l) low[l] = high[l] = values[l];
  for (size_t k = 16; k < centroid_count; k += 16) {
    for (size_t l = 0; l < 16; ++l) {
      low[l] = values[k + l] < low[l] ? values[k + l] : low[l];
      high[l] = values[k + l] > high[l] ? values[k + l] : high[l];
    }
  }
  *least = low[0];
  *largest = high[0];
  for (size_t l = 1; l < 16; ++l) {
    *least = low[l] < *least ? low[l] : *least;
    *largest = high[l] > *largest ? high[l] : *largest;
  }
}

ANNULUS_INLINE void round(const float *in, float low, float per_unit, uint16_t *out) {
  for (size_t k = 0; k < centroid_count; ++k) {
    const float units = (in[k] - low) * per_unit + 0.5f;
    const auto whole = static_cast<int32_t>(units);
    out[k] = static_cast<uint16_t>(whole < 65535 ? whole : 65535);
  }
}

// In the order in which `squares` adds up.
template <size_t W>
ANNULUS_INLINE float square(const float *point, size_t stride, const float *centroid,
                            size_t centroid_stride) {
  float difference = point[0] - centroid[0];
  float sum = difference * difference;
  for (size_t d = 1; d < W; ++d) {
    difference = point[stride * d] - centroid[centroid_stride * d];
    sum += difference * difference;
  }
  return sum;
}

// Copies up to a block of points; what is missing stays zero.
ANNULUS_INLINE void take_block(const float *points, size_t n, size_t stride, size_t width,
                               float *block) {
  for (size_t d = 0; d < width; ++d) {
    for (size_t i = 0; i < n; ++i) block[block_points * d + i] = points[stride * d + i];
  }
}

// Two centroids at a time: the nearest so far is loaded and stored half as often.
template <size_t W>
ANNULUS_INLINE void nearest_in_block(const float *__restrict block, const float *centroids,
                                     int32_t *__restrict nearest, float *__restrict least) {
  for (size_t i = 0; i < block_points; ++i) {
    nearest[i] = 0;
    least[i] = square<W>(block + i, block_points, centroids, centroid_count);
  }
  for (int32_t k = 0; k < static_cast<int32_t>(centroid_count); k += 2) {
    const float *pair = centroids + k;
    for (size_t i = 0; i < block_points; ++i) {
      const float one = square<W>(block + i, block_points, pair, centroid_count);
      const float two = square<W>(block + i, block_points, pair + 1, centroid_count);
      const int32_t which = two < one ? k + 1 : k;
      const float distance = two < one ? two : one;
      nearest[i] = distance < least[i] ? which : nearest[i];
      least[i] = distance < least[i] ? distance : least[i];
    }
  }
}

template <size_t W>
ANNULUS_INLINE void nearest_of_each(const float *points, size_t n, size_t stride,
                                    const float *centroids, uint8_t *nearest, float *distances) {
  for (size_t first = 0; first < n; first += block_points) {
    const size_t count = n - first < block_points ? n - first : block_points;
    alignas(64) float block[block_points * W] = {};
    alignas(64) int32_t number[block_points];
    alignas(64) float least[block_points];
    take_block(points + first, count, stride, W, block);
    nearest_in_block<W>(block, centroids, number, least);
    for (size_t i = 0; i < count; ++i) {
      nearest[first + i] = static_cast<uint8_t>(number[i]);
      distances[first + i] = least[i];
    }
  }
}

// Sums of a block in sixteen lanes, added up in a fixed order.
template <size_t W>
ANNULUS_INLINE float approach_block(const float *__restrict points, size_t stride,
                                    const float *centroid, float *__restrict best) {
  float lanes[16] = {};
  for (size_t from = 0; from < block_points; from += 16) {
    for (size_t l = 0; l < 16; ++l) {
      const float distance = square<W>(points + from + l, stride, centroid, 1);
      const float least = distance < best[from + l] ? distance : best[from + l];
      best[from + l] = least;
      lanes[l] += least;
    }
  }
  for (size_t half = 8; half > 0; half /= 2) {
    for (size_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  }
  return lanes[0];
}

template <size_t W>
ANNULUS_INLINE void approach(const float *points, size_t n, const float *centroid, float *best,
                             float *sums) {
  size_t first = 0;
  for (; first + block_points <= n; first += block_points) {
    *sums++ = approach_block<W>(points + first, n, centroid, best + first);
  }
  if (first == n) return;
  alignas(64) float block[block_points * W] = {};
  alignas(64) float last[block_points] = {};
  take_block(points + first, n - first, n, W, block);
  std::memcpy(last, best + first, sizeof(float) * (n - first));
  *sums = approach_block<W>(block, block_points, centroid, last);
  std::memcpy(best + first, last, sizeof(float) * (n - first));
}

ANNULUS_INLINE void compare(TableKind kind, const float *a, const float *b, size_t n, float *sums) {
  for (size_t i = 0; i < n; i += max_width) {
    for (size_t l = 0; l < max_width; ++l) {
      const float x = a[i + l];
      const float y = b[i + l];
      if (kind == TableKind::square) {
        sums[l] += (x - y) * (x - y);
      } else if (kind == TableKind::absolute) {
        sums[l] += std::fabs(x - y);
      } else {
        sums[l] -= x * y;
      }
    }
  }
}

// Four rows at a time, so that their loads overlap.
inline void sum(const uint8_t *const *rows, size_t count, const uint16_t *table, const uint8_t *,
                size_t subspaces, uint32_t *out) {
  size_t r = 0;
  for (; r + 4 <= count; r += 4) {
    const uint8_t *const *four = rows + r;
    uint32_t a = 0, b = 0, c = 0, d = 0;
    const uint16_t *entries = table;
    for (size_t j = 0; j < subspaces; ++j, entries += centroid_count) {
      a += entries[four[0][j]];
      b += entries[four[1][j]];
      c += entries[four[2][j]];
      d += entries[four[3][j]];
    }
    out[r] = a;
    out[r + 1] = b;
    out[r + 2] = c;
    out[r + 3] = d;
  }
  for (; r < count; ++r) {
    uint32_t total = 0;
    for (size_t j = 0; j < subspaces; ++j) total += table[centroid_count * j + rows[r][j]];
    out[r] = total;
  }
}

}  // namespace annulus::product_loops
