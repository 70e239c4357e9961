#include "product_codes.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "batch.h"
#include "norm.h"

namespace annulus {

namespace {

// What precedes the tables of a prepared query: distance = constant + unit * sum of entries.
struct alignas(64) QueryHead {
  double constant;
  double unit;
};

struct CodebookHead {
  uint32_t compression;
  uint32_t zero;
  double scale;
};

// Of query components, in the scale of the centroids, which are below 2: what is farther away than
// this is as far as anything, and its square still fits a float.
constexpr double far_away = 0x1p50;

uint16_t *table_of(void *query) {
  return reinterpret_cast<uint16_t *>(static_cast<uint8_t *>(query) + sizeof(QueryHead));
}
const uint16_t *table_of(const void *query) {
  return reinterpret_cast<const uint16_t *>(static_cast<const uint8_t *>(query) +
                                            sizeof(QueryHead));
}

TableKind table_kind(uint32_t metric) {
  if (metric == ANNULUS_METRIC_EUCLIDEAN) return TableKind::square;
  return metric == ANNULUS_METRIC_MANHATTAN ? TableKind::absolute : TableKind::negative_product;
}

// Sub-spaces that pairs are compared by at a time: they fit a buffer on the stack.
constexpr size_t block_components = 1024;

constexpr size_t plane_bytes = sizeof(uint16_t) * centroid_count;

}  // namespace

ProductCodes::ProductCodes(uint32_t dimension, uint32_t metric, ProductCodebook codebook, Isa isa)
    : CodesOf(CodeKind::product, dimension, metric,
              RowLayout::of(SubSpaces::of(dimension, codebook.compression).count, 0)),
      codebook_(std::move(codebook)),
      spaces_(SubSpaces::of(dimension, codebook_.compression)),
      kind_(table_kind(metric)),
      kernels_(product_kernels(isa)),
      // Read in pieces of `max_width`, whatever the width.
      by_centroid_(centroid_count * dimension + max_width) {
  for (size_t j = 0; j < spaces_.count; ++j) {
    const float *components = codebook_.of(spaces_, j);
    const size_t width = spaces_.width(j);
    float *out = &by_centroid_[centroid_count * spaces_.start(j)];
    for (size_t k = 0; k < centroid_count; ++k) {
      for (size_t d = 0; d < width; ++d) *out++ = components[centroid_count * d + k];
    }
  }
}

uint64_t ProductCodes::bytes() const {
  return Codes::bytes() +
         sizeof(float) * (codebook_.centroids.capacity() + by_centroid_.capacity());
}

void ProductCodes::encode(const float *vectors, size_t n, uint64_t first_slot) {
  for (size_t first = 0; first < n; first += block_points) {
    encode_block(vectors + first * dimension(), std::min(n - first, block_points),
                 static_cast<uint32_t>(first_slot + first));
  }
}

// Sub-space by sub-space for all vectors: their points lie component by component.
void ProductCodes::encode_block(const float *vectors, size_t n, uint32_t first_slot) {
  // Of fewer vectors than these, the points are compared faster one by one.
  constexpr size_t together_min = 16;
  const RowLayout &layout = rows().layout();
  const bool cosine = metric() == ANNULUS_METRIC_COSINE;
  double scales[block_points];
  uint8_t *codes[block_points];
  for (size_t v = 0; v < n; ++v) {
    scales[v] =
        codebook_.scale * (cosine ? inverse_norm(vectors + v * dimension(), dimension()) : 1.0);
    codes[v] = rows().row(first_slot + static_cast<uint32_t>(v));
    std::memset(codes[v] + layout.code_bytes, 0, layout.stride - layout.code_bytes);
  }
  const bool together = n >= together_min;
  for (size_t j = 0; j < spaces_.count; ++j) {
    float points[max_width * block_points];
    const size_t width = spaces_.width(j);
    const size_t of_point = together ? 1 : width;
    const size_t of_component = together ? block_points : 1;
    for (size_t v = 0; v < n; ++v) {
      const float *vector = vectors + v * dimension() + spaces_.start(j);
      for (size_t d = 0; d < width; ++d) {
        points[of_point * v + of_component * d] = static_cast<float>(vector[d] * scales[v]);
      }
    }
    uint8_t nearest[block_points];
    float distances[block_points];
    if (together) {
      kernels_.nearest_of_each(points, n, block_points, width, codebook_.of(spaces_, j), nearest,
                               distances);
    } else {
      for (size_t v = 0; v < n; ++v) {
        nearest[v] =
            kernels_.nearest(points + width * v, width, codebook_.of(spaces_, j), distances);
      }
    }
    for (size_t v = 0; v < n; ++v) codes[v][j] = nearest[v];
  }
}

void ProductCodes::decode(uint32_t slot, float *out) const {
  const uint8_t *row = rows().view().row(slot);
  for (size_t j = 0; j < spaces_.count; ++j) {
    const float *values = centroid(j, row[j]);
    for (size_t d = 0; d < spaces_.width(j); ++d) {
      *out++ = static_cast<float>(values[d] / codebook_.scale);
    }
  }
}

size_t ProductCodes::query_bytes() const {
  // The tables as 16-bit integers, then as floats, from which those are made and whose place their
  // planes take.
  const size_t entries = centroid_count * spaces_.count;
  return sizeof(QueryHead) + (sizeof(uint16_t) + sizeof(float)) * entries;
}

// What a distance in the scale of the centroids is multiplied by.
double ProductCodes::distance_scale() const {
  const double once = 1 / codebook_.scale;
  return kind_ == TableKind::absolute ? once : once * once;
}

void ProductCodes::prepare(const float *vector, void *query) const {
  const bool cosine = metric() == ANNULUS_METRIC_COSINE;
  const double scale = codebook_.scale * (cosine ? inverse_norm(vector, dimension()) : 1.0);
  if (kind_ != TableKind::negative_product) {
    return prepare_from(
        [=](size_t i) { return std::clamp(vector[i] * scale, -far_away, far_away); }, 1.0, query);
  }
  // Products only scale: a power of two brings any query to where float has room.
  double largest = 0;
  for (size_t i = 0; i < dimension(); ++i) {
    largest = std::max(largest, std::fabs(vector[i] * scale));
  }
  const int exponent = largest > 0 ? std::ilogb(largest) : 0;
  const double factor = std::ldexp(scale, -exponent);
  prepare_from([=](size_t i) { return vector[i] * factor; }, std::ldexp(1.0, exponent), query);
}

void ProductCodes::prepare_slot(uint32_t slot, void *query) const {
  const uint8_t *row = rows().view().row(slot);
  size_t j = 0;
  prepare_from(
      [&](size_t i) {
        while (i >= spaces_.start(j + 1)) ++j;
        return centroid(j, row[j])[i - spaces_.start(j)];
      },
      1.0, query);
}

template <typename Value>
void ProductCodes::prepare_from(Value value, double back, void *query) const {
  uint16_t *entries = table_of(query);
  auto *shares = reinterpret_cast<float *>(entries + centroid_count * spaces_.count);
  auto *planes = reinterpret_cast<uint8_t *>(shares);
  // Lows are found twice rather than kept: there is no room on the stack for all of them.
  double low_sum = 0;
  float widest = 0;
  for (size_t j = 0; j < spaces_.count; ++j) {
    float point[max_width];
    const size_t width = spaces_.width(j);
    for (size_t d = 0; d < width; ++d) point[d] = static_cast<float>(value(spaces_.start(j) + d));
    float *own = shares + centroid_count * j;
    kernels_.table(kind_, point, width, codebook_.of(spaces_, j), own);
    float least, largest;
    kernels_.ends(own, &least, &largest);
    low_sum += least;
    widest = std::max(widest, largest - least);
  }
  const double unit = widest / 65535.0;
  // Below, shares differ by less than what their sums are rounded by.
  const auto per_unit = static_cast<float>(widest > 0x1p-100f ? 1 / unit : 0);
  for (size_t j = 0; j < spaces_.count; ++j) {
    const float *own = shares + centroid_count * j;
    float low, largest;
    kernels_.ends(own, &low, &largest);
    uint16_t *rounded = entries + centroid_count * j;
    kernels_.round(own, low, per_unit, rounded);
    // Planes are half as long as floats, so only floats that were used are overwritten.
    if (kernels_.split != nullptr) kernels_.split(rounded, planes + plane_bytes * j);
  }
  const double scale = distance_scale() * back;
  *static_cast<QueryHead *>(query) = {low_sum * scale, unit * scale};
}

void ProductCodes::query_distances(const void *query, const uint32_t *slots, size_t n,
                                   float *out) const {
  const auto *head = static_cast<const QueryHead *>(query);
  const uint16_t *table = table_of(query);
  const auto *planes = reinterpret_cast<const uint8_t *>(table + centroid_count * spaces_.count);
  for_batches(rows().view(), spaces_.count, false, slots, n,
              [&](const uint32_t *, const uint8_t *const *run_rows, size_t count, size_t done) {
                uint32_t sums[64];
                kernels_.sum(run_rows, count, table, planes, spaces_.count, sums);
                for (size_t i = 0; i < count; ++i) {
                  out[done + i] = static_cast<float>(head->constant + head->unit * sums[i]);
                }
              });
}

// The centroids of sub-spaces [from, to) of a code, one after the other. Always copies as much as
// the widest sub-space takes: the next one overwrites what was too much.
template <size_t Copied>
void ProductCodes::gather(const uint8_t *row, size_t from, size_t to, float *out) const {
  const size_t first = spaces_.start(from);
  for (size_t j = from; j < to; ++j) {
    std::memcpy(out + (spaces_.start(j) - first), centroid(j, row[j]), sizeof(float) * Copied);
  }
  float *end = out + (spaces_.start(to) - first);
  std::fill(end, end + max_width, 0.0f);
}

template <size_t Copied>
void ProductCodes::compare_pairs(uint32_t slot, const uint32_t *slots, size_t n, float *out) const {
  const RowView view = rows().view();
  const uint8_t *own_row = view.row(slot);
  const size_t step = block_components / spaces_.width(0) / 2;
  for_batches(view, spaces_.count, false, slots, n,
              [&](const uint32_t *, const uint8_t *const *run_rows, size_t count, size_t done) {
                double totals[64] = {};
                for (size_t from = 0; from < spaces_.count; from += step) {
                  const size_t to = std::min<size_t>(spaces_.count, from + step);
                  alignas(64) float own[block_components + 2 * max_width];
                  alignas(64) float other[block_components + 2 * max_width];
                  gather<Copied>(own_row, from, to, own);
                  const size_t length = spaces_.start(to) - spaces_.start(from);
                  for (size_t r = 0; r < count; ++r) {
                    gather<Copied>(run_rows[r], from, to, other);
                    alignas(64) float sums[max_width] = {};
                    kernels_.compare(kind_, own, other,
                                     (length + max_width - 1) / max_width * max_width, sums);
                    for (const float sum : sums) totals[r] += sum;
                  }
                }
                for (size_t r = 0; r < count; ++r) {
                  out[done + r] = static_cast<float>(totals[r] * distance_scale());
                }
              });
}

void ProductCodes::pair_distances(uint32_t slot, const uint32_t *slots, size_t n,
                                  float *out) const {
  const size_t widest = (dimension() + spaces_.count - 1) / spaces_.count;
  if (widest <= 1) return compare_pairs<1>(slot, slots, n, out);
  if (widest <= 2) return compare_pairs<2>(slot, slots, n, out);
  if (widest <= 4) return compare_pairs<4>(slot, slots, n, out);
  if (widest <= 8) return compare_pairs<8>(slot, slots, n, out);
  compare_pairs<max_width>(slot, slots, n, out);
}

std::vector<Parameter> ProductCodes::parameters() const {
  return {{"compression", codebook_.compression}, {"subspaces", spaces_.count}};
}

std::vector<uint8_t> ProductCodes::codebook() const {
  const CodebookHead head{codebook_.compression, 0, codebook_.scale};
  const size_t length = sizeof(float) * codebook_.centroids.size();
  std::vector<uint8_t> bytes(sizeof head + length);
  std::memcpy(bytes.data(), &head, sizeof head);
  std::memcpy(bytes.data() + sizeof head, codebook_.centroids.data(), length);
  return bytes;
}

Codes *ProductCodes::load(uint32_t dimension, uint32_t metric, const uint8_t *codebook,
                          size_t bytes) {
  CodebookHead head;
  const size_t values = centroid_count * size_t{dimension};
  if (bytes != sizeof head + sizeof(float) * values) return nullptr;
  std::memcpy(&head, codebook, sizeof head);
  int exponent;
  const bool sound = compression_known(head.compression) && head.zero == 0 &&
                     std::isfinite(head.scale) && head.scale > 0 &&
                     std::frexp(head.scale, &exponent) == 0.5;
  if (!sound) return nullptr;
  ProductCodebook made{head.compression, head.scale, AlignedVector<float>(values)};
  std::memcpy(made.centroids.data(), codebook + sizeof head, sizeof(float) * values);
  for (const float value : made.centroids) {
    if (!(std::fabs(value) <= 2)) return nullptr;
  }
  return new ProductCodes(dimension, metric, std::move(made));
}

}  // namespace annulus
