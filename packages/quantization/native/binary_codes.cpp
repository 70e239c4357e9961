#include "binary_codes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "batch.h"
#include "norm.h"

namespace annulus {

namespace {

constexpr double max_magnitude = 255;
constexpr double pi = 3.14159265358979323846;

// What precedes the magnitudes and signs of a prepared query:
//   distance = constant + along * row.along + factor * row.scale * (2 agreement - total)
//              (+ row.norm^2 for euclidean).
struct alignas(64) QueryHead {
  double constant;
  double along;
  double factor;
  double total;
  uint32_t is_code;  // a stored slot: a row follows, and distances are those between codes
};

uint8_t *body_of(void *query) { return static_cast<uint8_t *>(query) + sizeof(QueryHead); }
const uint8_t *body_of(const void *query) {
  return static_cast<const uint8_t *>(query) + sizeof(QueryHead);
}

// Infinities in a row would become differences of infinities in a distance.
float finite_float(double value) {
  constexpr double most = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(value, -most, most));
}

}  // namespace

uint32_t BinaryCodes::code_bytes(uint32_t dimension) {
  return static_cast<uint32_t>(8 * sign_words(dimension) + sizeof(Terms));
}

BinaryCodes::BinaryCodes(uint32_t dimension, uint32_t metric, std::vector<float> centre, Isa isa)
    : CodesOf(CodeKind::binary, dimension, metric, RowLayout::of(code_bytes(dimension), 0)),
      centre_(std::move(centre)),
      words_(sign_words(dimension)),
      euclidean_(metric == ANNULUS_METRIC_EUCLIDEAN),
      kernels_(sign_kernels(isa)) {
  // A row that somebody made up may differ in the bits behind its last component, too.
  cosines_.assign(64 * words_ + 1, -1.0f);
  for (uint32_t i = 0; i <= dimension; ++i) {
    cosines_[i] = static_cast<float>(std::cos(pi * i / dimension));
  }
}

BinaryCodes::Terms BinaryCodes::read_terms(const uint8_t *row) const {
  Terms terms;
  std::memcpy(&terms, row + 8 * words_, sizeof terms);
  return terms;
}

BinaryCodes::Residual BinaryCodes::residual_of(const float *vector) const {
  const bool cosine = metric() == ANNULUS_METRIC_COSINE;
  const double scale = cosine ? inverse_norm(vector, dimension()) : 1.0;
  if (euclidean_) return {vector, centre_.data(), scale, 1.0};
  double along = 0;
  for (size_t i = 0; i < dimension(); ++i) along += vector[i] * scale * centre_[i];
  return {vector, centre_.data(), scale, along};
}

void BinaryCodes::encode_one(const float *vector, uint8_t *row) const {
  const size_t n = dimension();
  const Residual residual = residual_of(vector);
  double square = 0;
  double magnitude = 0;
  for (size_t i = 0; i < n; ++i) {
    square += residual[i] * residual[i];
    magnitude += std::fabs(residual[i]);
  }
  for (size_t w = 0; w < words_; ++w) {
    uint64_t bits = 0;
    const size_t end = std::min<size_t>(64, n - 64 * w);
    for (size_t i = 0; i < end; ++i) {
      bits |= static_cast<uint64_t>(residual[64 * w + i] > 0) << i;
    }
    std::memcpy(row + 8 * w, &bits, sizeof bits);
  }
  const Terms terms{finite_float(magnitude > 0 ? square / magnitude : 0),
                    finite_float(residual.along), finite_float(std::sqrt(square))};
  std::memcpy(row + 8 * words_, &terms, sizeof terms);
}

void BinaryCodes::encode(const float *vectors, size_t n, uint64_t first_slot) {
  const RowLayout &layout = rows().layout();
  for (size_t v = 0; v < n; ++v) {
    uint8_t *row = rows().row(static_cast<uint32_t>(first_slot + v));
    encode_one(vectors + v * dimension(), row);
    std::memset(row + layout.code_bytes, 0, layout.stride - layout.code_bytes);
  }
}

// The point nearest to the vector of all that share its signs and have one magnitude.
void BinaryCodes::decode(uint32_t slot, float *out) const {
  const uint8_t *row = rows().view().row(slot);
  const Terms terms = read_terms(row);
  const double norm = terms.norm;
  const double half =
      terms.scale > 0 ? norm * norm / (terms.scale * static_cast<double>(dimension())) : 0;
  const double part = euclidean_ ? 1.0 : double{terms.along};
  for (size_t i = 0; i < dimension(); ++i) {
    const bool positive = ((row[i / 8] >> (i % 8)) & 1) != 0;
    out[i] = static_cast<float>(part * centre_[i] + (positive ? half : -half));
  }
}

size_t BinaryCodes::query_bytes() const {
  // A row is shorter than the magnitudes and signs.
  return sizeof(QueryHead) + (64 * words_ + 8 * words_ + sizeof(Terms) + 63) / 64 * 64;
}

void BinaryCodes::prepare(const float *vector, void *query) const {
  const size_t n = dimension();
  const Residual residual = residual_of(vector);
  double square = 0;
  double largest = 0;
  for (size_t i = 0; i < n; ++i) {
    square += residual[i] * residual[i];
    largest = std::max(largest, std::fabs(residual[i]));
  }
  uint8_t *magnitudes = body_of(query);
  auto *negative = reinterpret_cast<uint64_t *>(magnitudes + 64 * words_);
  std::memset(magnitudes, 0, 72 * words_);
  int64_t total = 0;
  for (size_t i = 0; i < n && largest > 0; ++i) {
    magnitudes[i] =
        static_cast<uint8_t>(std::lrint(std::fabs(residual[i]) / largest * max_magnitude));
    total += magnitudes[i];
    negative[i / 64] |= static_cast<uint64_t>(residual[i] < 0) << (i % 64);
  }
  const double unit = largest / max_magnitude;
  auto *head = static_cast<QueryHead *>(query);
  *head = {euclidean_ ? square : 0.0, -residual.along, euclidean_ ? -2 * unit : -unit,
           static_cast<double>(total), 0};
}

void BinaryCodes::prepare_slot(uint32_t slot, void *query) const {
  static_cast<QueryHead *>(query)->is_code = 1;
  std::memcpy(body_of(query), rows().view().row(slot), code_bytes(dimension()));
}

void BinaryCodes::query_distances(const void *query, const uint32_t *slots, size_t n,
                                  float *out) const {
  const auto *head = static_cast<const QueryHead *>(query);
  const uint8_t *magnitudes = body_of(query);
  if (head->is_code != 0) return code_distances(magnitudes, slots, n, out);
  const auto *negative = reinterpret_cast<const uint64_t *>(magnitudes + 64 * words_);
  const double along = euclidean_ ? 0 : head->along;
  for_batches(rows().view(), rows().layout().code_bytes, false, slots, n,
              [&](const uint32_t *, const uint8_t *const *run_rows, size_t count, size_t done) {
                int64_t sums[64];
                kernels_.agreement(run_rows, count, magnitudes, negative, words_, sums);
                for (size_t i = 0; i < count; ++i) {
                  const Terms terms = read_terms(run_rows[i]);
                  const double product = 2 * static_cast<double>(sums[i]) - head->total;
                  const double own = euclidean_ ? double{terms.norm} * terms.norm : 0.0;
                  out[done + i] = static_cast<float>(head->constant + own + along * terms.along +
                                                     head->factor * terms.scale * product);
                }
              });
}

void BinaryCodes::pair_distances(uint32_t slot, const uint32_t *slots, size_t n, float *out) const {
  code_distances(rows().view().row(slot), slots, n, out);
}

void BinaryCodes::code_distances(const uint8_t *row, const uint32_t *slots, size_t n,
                                 float *out) const {
  const Terms own = read_terms(row);
  for_batches(rows().view(), rows().layout().code_bytes, false, slots, n,
              [&](const uint32_t *, const uint8_t *const *run_rows, size_t count, size_t done) {
                uint32_t differing[64];
                kernels_.differing(run_rows, count, row, words_, differing);
                for (size_t i = 0; i < count; ++i) {
                  const Terms terms = read_terms(run_rows[i]);
                  const double cosine = cosines_[differing[i]];
                  const double product = double{own.norm} * terms.norm * cosine;
                  const double distance = euclidean_
                                              ? double{own.norm} * own.norm +
                                                    double{terms.norm} * terms.norm - 2 * product
                                              : -(double{own.along} * terms.along + product);
                  out[done + i] = static_cast<float>(distance);
                }
              });
}

std::vector<uint8_t> BinaryCodes::codebook() const {
  std::vector<uint8_t> bytes(sizeof(float) * centre_.size());
  std::memcpy(bytes.data(), centre_.data(), bytes.size());
  return bytes;
}

Codes *BinaryCodes::load(uint32_t dimension, uint32_t metric, const uint8_t *codebook,
                         size_t bytes) {
  if (!supports(metric) || bytes != sizeof(float) * dimension) return nullptr;
  std::vector<float> centre(dimension);
  std::memcpy(centre.data(), codebook, bytes);
  for (const float value : centre) {
    if (!std::isfinite(value)) return nullptr;
  }
  return new BinaryCodes(dimension, metric, std::move(centre));
}

}  // namespace annulus
