#include "codes.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "arriving_rows.h"
#include "batch.h"
#include "norm.h"

namespace annulus {

void Codes::query_bounds(const void *, const uint32_t *, const float *, size_t n,
                         float *out) const {
  for (size_t i = 0; i < n; ++i) out[i] = 0;
}

// Only errors of products of raw vectors grow with the query; a stored slot as the query is for
// linking, where nobody asks for bounds.
void Codes::note_norm(const float *vector, void *prepared) const {
  double norm = 1;
  if (vector == nullptr) {
    norm = std::numeric_limits<double>::infinity();
  } else if (metric_ == ANNULUS_METRIC_DOT) {
    norm = norm_of(vector, dimension_);
  }
  std::memcpy(static_cast<uint8_t *>(prepared) + norm_offset(), &norm, sizeof norm);
}

double Codes::query_norm(const void *prepared) const {
  double norm;
  std::memcpy(&norm, static_cast<const uint8_t *>(prepared) + norm_offset(), sizeof norm);
  return norm;
}

void Codes::bounds(const void *prepared, const uint32_t *slots, const float *distances, size_t n,
                   annulus_bound *out) const {
  if (!has_all_rows() && has_bounds()) {
    if (const auto rows = arriving_rows()) return rows->bounds(prepared, slots, distances, n, out);
  }
  const double norm = query_norm(prepared);
  for (size_t i = 0; i < n; ++i) {
    float scale;
    if (has_bounds()) {
      query_bounds(prepared, slots + i, distances + i, 1, &scale);
    } else {
      scale = static_cast<float>(natural_scale(metric_, distances[i], norm));
    }
    out[i] = {scale, scale};
    if (!calibration_.known()) continue;
    const Calibration::Factors factors =
        calibration_.factors_at(pair_position(metric_, distances[i], norm));
    out[i] = {static_cast<float>(scale * factors.below), static_cast<float>(scale * factors.above)};
  }
}

std::shared_ptr<ArrivingRows> Codes::arriving_rows() const {
  std::lock_guard<std::mutex> lock(arriving_mutex_);
  return arriving_rows_;
}

void Codes::await_rows(std::shared_ptr<ArrivingRows> rows) {
  arriving_rows_ = std::move(rows);
  arriving_.store(true, std::memory_order_release);
}

void Codes::rows_have_arrived() {
  arriving_.store(false, std::memory_order_release);
  std::lock_guard<std::mutex> lock(arriving_mutex_);
  // Whoever reads through it now has the last reference.
  arriving_rows_.reset();
}

void Codes::distances_early(const void *query, const uint32_t *slots, size_t n, float *out) const {
  if (const auto rows = arriving_rows()) return rows->query_distances(query, slots, n, out);
  query_distances(query, slots, n, out);
}

void Codes::pair_distances_early(uint32_t slot, const uint32_t *slots, size_t n, float *out) const {
  if (const auto rows = arriving_rows()) return rows->pair_distances(slot, slots, n, out);
  pair_distances(slot, slots, n, out);
}

void Codes::prepare_slot_early(uint32_t slot, void *query) const {
  if (const auto rows = arriving_rows()) return rows->prepare_slot(slot, query);
  prepare_slot(slot, query);
}

bool Codes::has_sketches() const {
  const bool decoded = kind_ == CodeKind::none || kind_ == CodeKind::scalar;
  return decoded && Sketches::suit(metric_, rows_.layout().stride);
}

void Codes::prefetch(const uint32_t *slots, size_t n) const {
  const RowView view = rows_.view();
  for (size_t i = 0; i < n; ++i) prefetch_row(view.row(slots[i]), rows_.layout().code_bytes);
}

}  // namespace annulus
