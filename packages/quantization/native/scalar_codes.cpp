#include "scalar_codes.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "batch.h"
#include "norm.h"

namespace annulus {

namespace {

// What precedes the planes of a prepared query: distance = constant + factor * integer sum
// (+ step^2 * term for euclidean).
struct alignas(64) QueryHead {
  double constant;
  double factor;
};

// The term of a row: sum of levels around 128 (dot, cosine) or of their squares (euclidean).
uint32_t term_bytes(uint32_t metric) { return metric == ANNULUS_METRIC_MANHATTAN ? 0 : 4; }

uint8_t *planes_of(void *query) { return static_cast<uint8_t *>(query) + sizeof(QueryHead); }
const uint8_t *planes_of(const void *query) {
  return static_cast<const uint8_t *>(query) + sizeof(QueryHead);
}

int32_t read_term(const uint8_t *term) {
  int32_t value;
  std::memcpy(&value, term, sizeof value);
  return value;
}

int16_t round_level(double value) { return static_cast<int16_t>(std::lrint(value)); }

}  // namespace

ScalarCodes::ScalarCodes(uint32_t dimension, uint32_t metric, const ScalarRange &range, Isa isa)
    : CodesOf(CodeKind::scalar, dimension, metric, RowLayout::of(dimension, term_bytes(metric))),
      range_(range),
      kernels_(int_kernels(isa)),
      encoder_(level_encoder(isa)),
      euclidean_(metric == ANNULUS_METRIC_EUCLIDEAN) {}

void ScalarCodes::encode(const float *vectors, size_t n, uint64_t first_slot) {
  const size_t dimension = this->dimension();
  const RowLayout &layout = rows().layout();
  for (size_t v = 0; v < n; ++v) {
    const auto slot = static_cast<uint32_t>(first_slot + v);
    const float *vector = vectors + v * dimension;
    uint8_t *row = rows().row(slot);
    LevelSums sums;
    if (metric() == ANNULUS_METRIC_COSINE) {
      const double scale = inverse_norm(vector, dimension);
      sums = encode_aligned(encoder_, vector, dimension, scale, range_, row);
    } else if (metric() == ANNULUS_METRIC_DOT) {
      sums = encode_aligned(encoder_, vector, dimension, 1.0, range_, row);
    } else {
      sums = encoder_.encode(vector, dimension, 1.0, range_, row);
    }
    std::memset(row + dimension, 0, layout.stride - dimension);
    if (layout.term_bytes == 0) continue;
    const int32_t term = euclidean_ ? sums.squares : sums.levels;
    std::memcpy(rows().term(slot), &term, sizeof term);
  }
}

void ScalarCodes::decode(uint32_t slot, float *out) const {
  const uint8_t *row = rows().view().row(slot);
  for (size_t i = 0; i < dimension(); ++i) {
    out[i] = static_cast<float>(range_.middle + range_.step * (row[i] - 128));
  }
}

size_t ScalarCodes::query_bytes() const {
  // Behind the planes: the query as 16-bit integers before the kernel's own layout.
  return sizeof(QueryHead) + plane_bytes(dimension()) + 2 * padded_length(dimension());
}

void ScalarCodes::prepare(const float *vector, void *query) const {
  const bool cosine = metric() == ANNULUS_METRIC_COSINE;
  prepare_from([vector](size_t i) { return static_cast<double>(vector[i]); },
               cosine ? inverse_norm(vector, dimension()) : 1.0, query);
}

void ScalarCodes::prepare_slot(uint32_t slot, void *query) const {
  // The decoded vector is a query like any other, but for cosine it keeps the length it has.
  const uint8_t *row = rows().view().row(slot);
  prepare_from([this, row](size_t i) { return range_.middle + range_.step * (row[i] - 128); }, 1.0,
               query);
}

template <typename Value>
void ScalarCodes::prepare_from(Value value, double scale, void *query) const {
  if (euclidean_) {
    prepare_euclidean(value, query);
  } else if (metric() == ANNULUS_METRIC_MANHATTAN) {
    prepare_manhattan(value, query);
  } else {
    prepare_dot(value, scale, query);
  }
}

// -q.x with x = middle + step (c - 128) and step, q's unit, taken out of the sum.
template <typename Value>
void ScalarCodes::prepare_dot(Value value, double scale, void *query) const {
  const size_t n = dimension();
  double sum = 0;
  double largest = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += value(i);
    largest = std::max(largest, std::fabs(value(i)));
  }
  auto *levels = reinterpret_cast<int16_t *>(planes_of(query) + plane_bytes(n));
  const double to_level = largest > 0 ? max_query_level / largest : 0;
  int64_t level_sum = 0;
  for (size_t i = 0; i < n; ++i) {
    levels[i] = round_level(value(i) * to_level);
    level_sum += levels[i];
  }
  kernels_.split(levels, n, planes_of(query));
  const double unit = range_.step * scale * (largest / max_query_level);
  auto *head = static_cast<QueryHead *>(query);
  head->constant = -(range_.middle * scale * sum) + unit * 128 * static_cast<double>(level_sum);
  head->factor = -unit;
}

// |q - x|^2 in units of step^2. The query's unit is step times a power of two, so that every term
// is an exact multiple and a query equal to a decoded vector is at distance 0.
template <typename Value>
void ScalarCodes::prepare_euclidean(Value value, void *query) const {
  const size_t n = dimension();
  const double inverse_step = 1 / range_.step;
  double largest = 0;
  for (size_t i = 0; i < n; ++i) {
    largest = std::max(largest, std::fabs(value(i) - range_.middle));
  }
  largest *= inverse_step;
  const int finest = 12;
  int shift = finest;
  if (largest > 0) {
    shift = std::min(finest, std::ilogb(max_query_level / largest));
  }
  const double to_level = std::ldexp(1.0, shift);
  auto *levels = reinterpret_cast<int16_t *>(planes_of(query) + plane_bytes(n));
  int64_t sum = 0;
  int64_t squares = 0;
  for (size_t i = 0; i < n; ++i) {
    levels[i] = round_level((value(i) - range_.middle) * inverse_step * to_level);
    sum += levels[i];
    squares += static_cast<int64_t>(levels[i]) * levels[i];
  }
  kernels_.split(levels, n, planes_of(query));
  const double unit = 1 / to_level;
  auto *head = static_cast<QueryHead *>(query);
  head->constant =
      static_cast<double>(squares) * unit * unit + 256 * static_cast<double>(sum) * unit;
  head->factor = -2 * unit;
}

// |q - x| splits into what q lies outside of the range, the same for all codes, and the distance
// from the nearest point inside, which 256ths of a step hold in two bytes.
template <typename Value>
void ScalarCodes::prepare_manhattan(Value value, void *query) const {
  const size_t n = dimension();
  uint8_t *whole = planes_of(query);
  uint8_t *part = whole + padded_length(n);
  const double inverse_step = 1 / range_.step;
  const double low = range_.low();
  double outside = 0;
  int64_t parts = 0;
  for (size_t i = 0; i < n; ++i) {
    const double level = (value(i) - low) * inverse_step;
    const double inside = level > 0 ? (level < 255 ? level : 255) : 0;
    outside += std::fabs(level - inside);
    const long fine = std::lrint(inside * 256);
    whole[i] = static_cast<uint8_t>(fine >> 8);
    part[i] = static_cast<uint8_t>(fine & 255);
    parts += part[i];
  }
  auto *head = static_cast<QueryHead *>(query);
  head->constant = range_.step * (outside + static_cast<double>(parts) / 256);
  head->factor = range_.step / 256;
}

void ScalarCodes::query_distances(const void *query, const uint32_t *slots, size_t n,
                                  float *out) const {
  const auto *head = static_cast<const QueryHead *>(query);
  const uint8_t *planes = planes_of(query);
  const RowView view = rows().view();
  const size_t length = dimension();
  const bool far_terms = euclidean_ && !rows().layout().terms_in_row;
  for_batches(
      view, length, far_terms, slots, n,
      [&](const uint32_t *run, const uint8_t *const *run_rows, size_t count, size_t done) {
        int64_t sums[64];
        if (metric() == ANNULUS_METRIC_MANHATTAN) {
          kernels_.l1(run_rows, count, planes, planes + padded_length(length), length, sums);
        } else {
          kernels_.dot(run_rows, count, planes, length, sums);
        }
        float *distances = out + done;
        if (!euclidean_) {
          for (size_t i = 0; i < count; ++i) {
            distances[i] =
                static_cast<float>(head->constant + head->factor * static_cast<double>(sums[i]));
          }
          return;
        }
        const double unit = range_.step * range_.step;
        for (size_t i = 0; i < count; ++i) {
          const double steps = head->constant + head->factor * static_cast<double>(sums[i]) +
                               read_term(view.term(run[i]));
          distances[i] = static_cast<float>(unit * std::max(steps, 0.0));
        }
      });
}

void ScalarCodes::pair_distances(uint32_t slot, const uint32_t *slots, size_t n, float *out) const {
  const RowView view = rows().view();
  const size_t length = dimension();
  const uint8_t *row = view.row(slot);
  const bool manhattan = metric() == ANNULUS_METRIC_MANHATTAN;
  const double step = range_.step;
  int64_t level_sum = 0;  // of this slot, around 128
  if (euclidean_) {
    static const uint8_t zeros[max_int_length + 1] = {};
    kernels_.pair_l1(&row, 1, zeros, length, &level_sum);
    level_sum -= 128 * static_cast<int64_t>(length);
  } else if (!manhattan) {
    level_sum = read_term(view.term(slot));
  }
  const double own = manhattan ? 0 : read_term(view.term(slot));
  const double middle_square = static_cast<double>(length) * range_.middle * range_.middle;
  for_batches(view, length, !manhattan && !rows().layout().terms_in_row, slots, n,
              [&](const uint32_t *run, const uint8_t *const *run_rows, size_t count, size_t done) {
                int64_t sums[64];
                float *distances = out + done;
                if (manhattan) {
                  kernels_.pair_l1(run_rows, count, row, length, sums);
                  for (size_t i = 0; i < count; ++i) {
                    distances[i] = static_cast<float>(step * static_cast<double>(sums[i]));
                  }
                  return;
                }
                kernels_.pair_dot(run_rows, count, row, length, sums);
                for (size_t i = 0; i < count; ++i) {
                  // Both sides around 128.
                  const auto product = static_cast<double>(sums[i] - 128 * level_sum);
                  const double term = read_term(view.term(run[i]));
                  const double distance =
                      euclidean_ ? step * step * (own + term - 2 * product)
                                 : -(middle_square + range_.middle * step * (own + term) +
                                     step * step * product);
                  distances[i] = static_cast<float>(distance);
                }
              });
}

std::vector<Parameter> ScalarCodes::parameters() const {
  return {{"quantile", range_.quantile},
          {"low", range_.low()},
          {"high", range_.high()},
          {"step", range_.step}};
}

std::vector<uint8_t> ScalarCodes::codebook() const {
  const double values[3] = {range_.middle, range_.step, range_.quantile};
  std::vector<uint8_t> bytes(codebook_bytes);
  std::memcpy(bytes.data(), values, codebook_bytes);
  return bytes;
}

Codes *ScalarCodes::load(uint32_t dimension, uint32_t metric, const uint8_t *codebook,
                         size_t bytes) {
  if (bytes != codebook_bytes || dimension < 1 || dimension > max_int_length) return nullptr;
  double values[3];
  std::memcpy(values, codebook, codebook_bytes);
  const bool sound = std::isfinite(values[0]) && std::isfinite(values[1]) && values[1] > 0 &&
                     values[2] > 0 && values[2] <= 1;
  if (!sound) return nullptr;
  return new ScalarCodes(dimension, metric, {values[0], values[1], values[2]});
}

}  // namespace annulus
