// Scalar codes: every component as one of 256 levels of one range, queries at 16 bits.
//
// A code c stands for middle + step * (c - 128). Distances are exact for the prepared query and the
// decoded vector: integer sums, finished in double, so that large offsets cannot cancel. The query
// keeps its own scale and is never clipped to the range of the codes.
#pragma once

#include "codes.h"
#include "kernels/int_kernels.h"
#include "scalar_encode.h"
#include "scalar_range.h"

namespace annulus {

class ScalarCodes final : public CodesOf<ScalarCodes> {
 public:
  /// `dimension` <= max_int_length.
  ScalarCodes(uint32_t dimension, uint32_t metric, const ScalarRange &range,
              Isa isa = active_isa());

  static constexpr uint32_t codebook_bytes = 3 * sizeof(double);
  /// Null when the bytes are not what `codebook` returns.
  static Codes *load(uint32_t dimension, uint32_t metric, const uint8_t *codebook, size_t bytes);

  const ScalarRange &range() const { return range_; }

  void encode(const float *vectors, size_t n, uint64_t first_slot) override;
  void decode(uint32_t slot, float *out) const override;
  size_t query_bytes() const override;
  void prepare(const float *vector, void *query) const override;
  void prepare_slot(uint32_t slot, void *query) const override;
  void query_distances(const void *query, const uint32_t *slots, size_t n,
                       float *out) const override;
  void pair_distances(uint32_t slot, const uint32_t *slots, size_t n, float *out) const override;
  std::vector<Parameter> parameters() const override;
  std::vector<uint8_t> codebook() const override;

 private:
  // `value(i)` is component i of the query, as given or as decoded.
  template <typename Value>
  void prepare_dot(Value value, double scale, void *query) const;
  template <typename Value>
  void prepare_euclidean(Value value, void *query) const;
  template <typename Value>
  void prepare_manhattan(Value value, void *query) const;
  template <typename Value>
  void prepare_from(Value value, double scale, void *query) const;

  ScalarRange range_;
  IntKernels kernels_;
  LevelEncoder encoder_;
  bool euclidean_;
};

}  // namespace annulus
