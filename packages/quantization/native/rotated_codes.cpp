#include "rotated_codes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

#include "batch.h"
#include "rotated_terms.h"

namespace annulus {

namespace {

uint32_t row_bytes(const RotatedModel &model) {
  const size_t code = packed_bytes(model.dimension, model.bits);
  return static_cast<uint32_t>((code + 3) / 4 * 4 + sizeof(RotatedTerms));
}

uint8_t *planes_of(void *query) { return static_cast<uint8_t *>(query) + sizeof(RotatedQuery); }
const uint8_t *planes_of(const void *query) {
  return static_cast<const uint8_t *>(query) + sizeof(RotatedQuery);
}

constexpr size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

RotatedCodes::RotatedCodes(RotatedModel model, Isa isa)
    : CodesOf(CodeKind::rotated, model.dimension, model.metric, RowLayout::of(row_bytes(model), 0)),
      model_(std::move(model)),
      placer_(model_, isa),
      int_kernels_(int_kernels(isa)) {
  if (model_.bits < 8) packed_dot_ = packed_dot(model_.bits, isa);
}

Codes *RotatedCodes::load(uint32_t dimension, uint32_t metric, const uint8_t *codebook,
                          size_t bytes) {
  RotatedModel model;
  if (!RotatedModel::from(dimension, metric, codebook, bytes, model)) return nullptr;
  return new RotatedCodes(std::move(model));
}

size_t RotatedCodes::term_offset() const {
  return round_up(packed_bytes(dimension(), model_.bits), 4);
}

void RotatedCodes::encode(const float *vectors, size_t n, uint64_t first_slot) {
  const size_t dimension = this->dimension();
  const RowLayout &layout = rows().layout();
  std::vector<float> room(3 * dimension);
  const PlacementRoom parts = {&room[0], &room[dimension], &room[2 * dimension]};
  std::vector<uint8_t> levels(dimension);
  for (size_t v = 0; v < n; ++v) {
    const Placement placement = placer_.place(vectors + v * dimension, Placer::Role::stored, parts);
    const FittedLevels fitted =
        fit_levels(placer_.passes(), parts.rotated, dimension, model_.bits, levels.data());
    const RotatedTerms terms = RotatedTerms::of(placement, fitted);
    uint8_t *row = rows().row(static_cast<uint32_t>(first_slot + v));
    std::memset(row, 0, layout.stride);
    if (model_.bits == 8) {
      std::memcpy(row, levels.data(), dimension);
    } else {
      pack_levels(levels.data(), dimension, model_.bits, row);
    }
    std::memcpy(row + term_offset(), &terms, sizeof terms);
  }
}

void RotatedCodes::levels_of(const uint8_t *row, uint8_t *levels) const {
  if (model_.bits == 8) {
    std::memcpy(levels, row, dimension());
  } else {
    unpack_levels(row, dimension(), model_.bits, levels);
  }
}

void RotatedCodes::decode(uint32_t slot, float *out) const {
  const size_t n = dimension();
  const uint8_t *row = rows().view().row(slot);
  const RotatedTerms terms = RotatedTerms::read(row + term_offset());
  std::vector<uint8_t> levels(n);
  levels_of(row, levels.data());
  std::vector<float> room(3 * n);
  const PlacementRoom parts = {&room[0], &room[n], &room[2 * n]};
  // As long as makes the difference least.
  const double scale = terms.factor * terms.cosine() * terms.cosine();
  for (size_t i = 0; i < n; ++i) {
    parts.rotated[i] = static_cast<float>((levels[i] - middle_level(model_.bits)) * scale);
  }
  Placement placement{};
  for (uint32_t a = 0; a < rotated_axes; ++a) placement.axis[a] = terms.place(a);
  placer_.restore(placement, parts, out);
}

double RotatedCodes::decode_error(uint32_t slot) const {
  return RotatedTerms::read(rows().view().row(slot) + term_offset()).decode_error();
}

// Behind head and planes: levels as bytes, as 16-bit numbers, and the room of a placement.
size_t RotatedCodes::planes_bytes() const {
  return model_.bits == 8 ? plane_bytes(dimension()) : packed_query_bytes(dimension(), model_.bits);
}

size_t RotatedCodes::query_bytes() const {
  const size_t n = round_up(dimension(), 16);
  return sizeof(RotatedQuery) + planes_bytes() + 3 * n + 3 * sizeof(float) * n;
}

PlacementRoom RotatedCodes::room_in(void *query) const {
  const size_t n = round_up(dimension(), 16);
  auto *floats = reinterpret_cast<float *>(planes_of(query) + planes_bytes() + 3 * n);
  return {floats, floats + n, floats + 2 * n};
}

void RotatedCodes::prepare(const float *vector, void *query) const {
  const PlacementRoom room = room_in(query);
  const Placement placement = placer_.place(vector, Placer::Role::query, room);
  float largest = 0;
  for (size_t i = 0; i < dimension(); ++i) {
    largest = std::max(largest, std::fabs(room.rotated[i]));
  }
  const double top = model_.bits == 8 ? max_query_level : 127;
  auto *head = new (query) RotatedQuery();
  head->set(model_, placement, vector);
  const double unit = largest / top;
  set_planes(room.rotated, unit, query);
  head->unit = unit * placement.norm;
  head->noise *= placement.norm;
}

// Rounds the rotated rest, in units of `unit`, and notes what that leaves.
void RotatedCodes::set_planes(const float *rotated, double unit, void *query) const {
  const size_t n = dimension();
  auto *head = static_cast<RotatedQuery *>(query);
  uint8_t *bytes = planes_of(query) + planes_bytes();
  auto *wide = reinterpret_cast<int16_t *>(bytes + round_up(n, 16));
  const double to_level = unit > 0 ? 1 / unit : 0;
  int64_t sum = 0;
  double left = 0;
  for (size_t i = 0; i < n; ++i) {
    const auto level = static_cast<int32_t>(std::lrint(rotated[i] * to_level));
    const double error = rotated[i] - level * unit;
    wide[i] = static_cast<int16_t>(level);
    sum += level;
    left += error * error;
  }
  if (model_.bits == 8) {
    int_kernels_.split(wide, n, planes_of(query));
  } else {
    auto *narrow = reinterpret_cast<int8_t *>(bytes);
    for (size_t i = 0; i < n; ++i) narrow[i] = static_cast<int8_t>(wide[i]);
    lay_planes(narrow, n, model_.bits, reinterpret_cast<int8_t *>(planes_of(query)));
  }
  head->middle_sum = middle_level(model_.bits) * static_cast<double>(sum);
  head->noise = std::sqrt(left);
}

void RotatedCodes::prepare_slot(uint32_t slot, void *query) const {
  const size_t n = dimension();
  const uint8_t *row = rows().view().row(slot);
  auto *head = new (query) RotatedQuery();
  head->set(model_, RotatedTerms::read(row + term_offset()));
  uint8_t *levels = planes_of(query) + planes_bytes();
  levels_of(row, levels);
  // Twice the distance from the middle is an integer.
  const int32_t last = (1 << model_.bits) - 1;
  int64_t sum = 0;
  for (size_t i = 0; i < n; ++i) sum += 2 * levels[i] - last;
  if (model_.bits == 8) {
    auto *wide = reinterpret_cast<int16_t *>(levels + round_up(n, 16));
    for (size_t i = 0; i < n; ++i) wide[i] = static_cast<int16_t>(2 * levels[i] - last);
    int_kernels_.split(wide, n, planes_of(query));
  } else {
    auto *narrow = reinterpret_cast<int8_t *>(levels);
    for (size_t i = 0; i < n; ++i) narrow[i] = static_cast<int8_t>(2 * levels[i] - last);
    lay_planes(narrow, n, model_.bits, reinterpret_cast<int8_t *>(planes_of(query)));
  }
  head->middle_sum = middle_level(model_.bits) * static_cast<double>(sum);
}

// Sums of (u - m) times the query's levels.
void RotatedCodes::code_sums(const void *query, const uint8_t *const *rows, size_t n,
                             double *sums) const {
  const auto *head = static_cast<const RotatedQuery *>(query);
  const size_t length = dimension();
  if (model_.bits == 8) {
    int64_t whole[64];
    int_kernels_.dot(rows, n, planes_of(query), length, whole);
    for (size_t i = 0; i < n; ++i) sums[i] = static_cast<double>(whole[i]) - head->middle_sum;
    return;
  }
  int32_t whole[64];
  packed_dot_(rows, n, reinterpret_cast<const int8_t *>(planes_of(query)),
              packed_bytes(length, model_.bits), whole);
  for (size_t i = 0; i < n; ++i) sums[i] = whole[i] - head->middle_sum;
}

void RotatedCodes::query_distances(const void *query, const uint32_t *slots, size_t n,
                                   float *out) const {
  const auto *head = static_cast<const RotatedQuery *>(query);
  const size_t terms_at = term_offset();
  for_batches(rows().view(), rows().layout().code_bytes, false, slots, n,
              [&](const uint32_t *, const uint8_t *const *run, size_t count, size_t done) {
                double sums[64];
                code_sums(query, run, count, sums);
                head->distances(run, terms_at, sums, count, out + done);
              });
}

void RotatedCodes::query_bounds(const void *query, const uint32_t *slots, const float *distances,
                                size_t n, float *out) const {
  const auto *head = static_cast<const RotatedQuery *>(query);
  const RowView view = rows().view();
  for (size_t i = 0; i < n; ++i) {
    const RotatedTerms terms = RotatedTerms::read(view.row(slots[i]) + term_offset());
    out[i] = head->bound(terms, distances[i], dimension());
  }
}

void RotatedCodes::pair_distances(uint32_t slot, const uint32_t *slots, size_t n,
                                  float *out) const {
  // Only very long vectors need memory of their own.
  alignas(64) uint8_t near[24576];
  const size_t bytes = query_bytes();
  std::unique_ptr<uint8_t[]> far;
  uint8_t *query = near;
  if (bytes > sizeof near) {
    far.reset(new (std::nothrow) uint8_t[bytes + 63]);
    if (far == nullptr) {
      std::fill(out, out + n, std::numeric_limits<float>::max());
      return;
    }
    query = far.get() + (64 - reinterpret_cast<uintptr_t>(far.get()) % 64) % 64;
  }
  RotatedCodes::prepare_slot(slot, query);
  RotatedCodes::query_distances(query, slots, n, out);
}

std::vector<Parameter> RotatedCodes::parameters() const {
  return {{"bits", model_.bits},
          {"seed", static_cast<double>(model_.seed)},
          {"axes", rotated_axes},
          {"confidence", confidence}};
}

}  // namespace annulus
