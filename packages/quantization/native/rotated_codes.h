// Rotated codes of 1, 2, 4 or 8 bits for each component, after RaBitQ (Gao and Long, SIGMOD 2024)
// and its multi-bit successor (Gao, Gou, Xu et al., SIGMOD 2025).
//
// A vector's rest (rotated_model.h) is rotated at random and coded by the levels u that point
// nearly as it does. With the middle m of the levels and the factor |o|^2 / <u - m, o>, the product
// of the code with a query estimates <o, q> without bias, and its error behaves as one component of
// a random unit vector: that gives a bound for each estimate. The same holds for the rounding of
// the query.
//
// The one subtle rule: a stored slot as the query has a code itself, whose error may go along with
// the other's; such pairs are estimated by the angle between codes instead, which is 0 for equal
// ones.
#pragma once

#include "codes.h"
#include "kernels/int_kernels.h"
#include "kernels/packed_kernels.h"
#include "rotated_model.h"

namespace annulus {

class RotatedCodes final : public CodesOf<RotatedCodes> {
 public:
  /// Share of pairs whose distance lies within the bound of its estimate, on either side.
  static constexpr double confidence = 0.99;

  explicit RotatedCodes(RotatedModel model, Isa isa = active_isa());
  /// Null when the bytes are not what `codebook` returns.
  static Codes *load(uint32_t dimension, uint32_t metric, const uint8_t *codebook, size_t bytes);
  /// A rotation keeps lengths and angles, not sums of magnitudes: no manhattan.
  static bool supports(uint32_t metric) { return metric <= ANNULUS_METRIC_EUCLIDEAN; }

  void encode(const float *vectors, size_t n, uint64_t first_slot) override;
  void decode(uint32_t slot, float *out) const override;
  size_t query_bytes() const override;
  void prepare(const float *vector, void *query) const override;
  void prepare_slot(uint32_t slot, void *query) const override;
  void query_distances(const void *query, const uint32_t *slots, size_t n,
                       float *out) const override;
  void pair_distances(uint32_t slot, const uint32_t *slots, size_t n, float *out) const override;
  bool has_bounds() const override { return true; }
  void query_bounds(const void *query, const uint32_t *slots, const float *distances, size_t n,
                    float *out) const override;
  std::vector<Parameter> parameters() const override;
  std::vector<uint8_t> codebook() const override { return model_.bytes(); }

  /// Length of the difference between a stored vector and what `decode` returns: exactly known when
  /// it was encoded, here to three digits, rounded up.
  double decode_error(uint32_t slot) const;

 private:
  size_t planes_bytes() const;
  size_t term_offset() const;
  PlacementRoom room_in(void *query) const;
  void levels_of(const uint8_t *row, uint8_t *levels) const;
  void set_planes(const uint8_t *levels, void *query) const;
  void set_planes(const float *rotated, double unit, void *query) const;
  void code_sums(const void *query, const uint8_t *const *rows, size_t n, double *sums) const;

  RotatedModel model_;
  Placer placer_;
  IntKernels int_kernels_;
  PackedDot packed_dot_ = nullptr;
};

}  // namespace annulus
