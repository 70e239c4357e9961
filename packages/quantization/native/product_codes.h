// Product codes: of each sub-space the number of its nearest centroid, one byte (Jegou, Douze and
// Schmid, "Product Quantization for Nearest Neighbor Search", 2011).
//
// A query is compared with all centroids once; the distance to a code is then a sum over tables.
// Tables hold 16-bit integers of one unit, each sub-space above its own least value, so that sums
// are exact and scaling a query does not change a ranking.
#pragma once

#include "codes.h"
#include "product_codebook.h"

namespace annulus {

class ProductCodes final : public CodesOf<ProductCodes> {
 public:
  ProductCodes(uint32_t dimension, uint32_t metric, ProductCodebook codebook,
               Isa isa = active_isa());
  /// Null when the bytes are not what `codebook` returns.
  static Codes *load(uint32_t dimension, uint32_t metric, const uint8_t *codebook, size_t bytes);

  uint64_t bytes() const override;
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
  void encode_block(const float *vectors, size_t n, uint32_t first_slot);
  const float *centroid(size_t j, uint8_t k) const {
    return &by_centroid_[centroid_count * spaces_.start(j) + k * spaces_.width(j)];
  }
  // `value(i)` is component i of the query, scaled like the centroids; `back` undoes the scale.
  template <typename Value>
  void prepare_from(Value value, double back, void *query) const;
  double distance_scale() const;
  template <size_t Copied>
  void gather(const uint8_t *row, size_t from, size_t to, float *out) const;
  template <size_t Copied>
  void compare_pairs(uint32_t slot, const uint32_t *slots, size_t n, float *out) const;

  ProductCodebook codebook_;
  SubSpaces spaces_;
  TableKind kind_;
  ProductKernels kernels_;
  AlignedVector<float> by_centroid_;  // the centroids again, each in one piece
};

}  // namespace annulus
