#include "flat_codes.h"

#include <cstring>

#include "batch.h"
#include "norm.h"

namespace annulus {

FlatCodes::FlatCodes(uint32_t dimension, uint32_t metric, Isa isa)
    : CodesOf(CodeKind::none, dimension, metric, RowLayout::of(4 * dimension, 0)) {
  const FloatKernels kernels = float_kernels(best_isa(isa));
  sign_ = 1;
  if (metric == ANNULUS_METRIC_EUCLIDEAN) {
    kernel_ = kernels.squared_euclidean;
  } else if (metric == ANNULUS_METRIC_MANHATTAN) {
    kernel_ = kernels.manhattan;
  } else {
    kernel_ = kernels.dot;
    sign_ = -1;
  }
}

Codes *FlatCodes::load(uint32_t dimension, uint32_t metric, const uint8_t *, size_t bytes) {
  return bytes == 0 ? new FlatCodes(dimension, metric) : nullptr;
}

void FlatCodes::store(const float *vector, float *out) const {
  if (metric() != ANNULUS_METRIC_COSINE) {
    std::memcpy(out, vector, sizeof(float) * dimension());
    return;
  }
  const double scale = inverse_norm(vector, dimension());
  for (size_t i = 0; i < dimension(); ++i) out[i] = static_cast<float>(vector[i] * scale);
}

void FlatCodes::encode(const float *vectors, size_t n, uint64_t first_slot) {
  const RowLayout &layout = rows().layout();
  for (size_t v = 0; v < n; ++v) {
    uint8_t *row = rows().row(static_cast<uint32_t>(first_slot + v));
    store(vectors + v * dimension(), reinterpret_cast<float *>(row));
    std::memset(row + layout.code_bytes, 0, layout.stride - layout.code_bytes);
  }
}

void FlatCodes::decode(uint32_t slot, float *out) const {
  std::memcpy(out, rows().view().row(slot), sizeof(float) * dimension());
}

size_t FlatCodes::query_bytes() const { return (sizeof(float) * dimension() + 63) / 64 * 64; }

void FlatCodes::prepare(const float *vector, void *query) const {
  store(vector, static_cast<float *>(query));
}

void FlatCodes::prepare_slot(uint32_t slot, void *query) const {
  decode(slot, static_cast<float *>(query));
}

void FlatCodes::query_distances(const void *query, const uint32_t *slots, size_t n,
                                float *out) const {
  const auto *vector = static_cast<const float *>(query);
  for_batches(rows().view(), rows().layout().code_bytes, false, slots, n,
              [&](const uint32_t *, const uint8_t *const *run_rows, size_t count, size_t done) {
                for (size_t i = 0; i < count; ++i) {
                  const auto *row = reinterpret_cast<const float *>(run_rows[i]);
                  out[done + i] = sign_ * kernel_(vector, row, dimension());
                }
              });
}

void FlatCodes::pair_distances(uint32_t slot, const uint32_t *slots, size_t n, float *out) const {
  FlatCodes::query_distances(rows().view().row(slot), slots, n, out);
}

}  // namespace annulus
