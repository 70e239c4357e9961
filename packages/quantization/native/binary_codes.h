// Binary codes: of each component one bit, on which side of the training mean it lies.
//
// What a bit is taken of is the residual r: the vector less the mean (euclidean), or less its part
// along the mean (cosine, dot), which is kept exactly; so neither a shift of all vectors nor the
// scale of a query changes a ranking. A query q keeps 9 bits a component, and with b the signs
//   <q, r>  is estimated as  <q, b> |r|^2 / <r, b>,
// which is right for q along r and unbiased over random rotations (Gao and Long, "RaBitQ", SIGMOD
// 2024, here without the rotation). Between two codes it is |r| |r'| cos(pi * share of bits that
// differ) (Charikar, "Similarity Estimation Techniques from Rounding Algorithms", STOC 2002).
#pragma once

#include <vector>

#include "codes.h"
#include "kernels/sign_kernels.h"

namespace annulus {

class BinaryCodes final : public CodesOf<BinaryCodes> {
 public:
  /// Whether there is an estimate for the metric: not for manhattan.
  static bool supports(uint32_t metric) { return metric != ANNULUS_METRIC_MANHATTAN; }

  /// @param centre mean of the vectors; for cosine and dot its direction, or zero.
  BinaryCodes(uint32_t dimension, uint32_t metric, std::vector<float> centre,
              Isa isa = active_isa());
  /// Null when the bytes are not what `codebook` returns.
  static Codes *load(uint32_t dimension, uint32_t metric, const uint8_t *codebook, size_t bytes);

  void encode(const float *vectors, size_t n, uint64_t first_slot) override;
  void decode(uint32_t slot, float *out) const override;
  size_t query_bytes() const override;
  void prepare(const float *vector, void *query) const override;
  void prepare_slot(uint32_t slot, void *query) const override;
  void query_distances(const void *query, const uint32_t *slots, size_t n,
                       float *out) const override;
  void pair_distances(uint32_t slot, const uint32_t *slots, size_t n, float *out) const override;
  std::vector<Parameter> parameters() const override { return {{"bits", 1}}; }
  std::vector<uint8_t> codebook() const override;

 private:
  // Behind the bits of a row.
  struct Terms {
    float scale;  // |r|^2 / <r, b>, 0 without a residual
    float along;  // part along the mean (cosine, dot)
    float norm;   // |r|
  };

  static uint32_t code_bytes(uint32_t dimension);
  Terms read_terms(const uint8_t *row) const;
  // Component i of the residual is vector[i] * scale - along * centre[i].
  struct Residual {
    const float *vector;
    const float *centre;
    double scale;
    double along;
    double operator[](size_t i) const { return vector[i] * scale - along * centre[i]; }
  };
  Residual residual_of(const float *vector) const;
  void encode_one(const float *vector, uint8_t *row) const;
  void code_distances(const uint8_t *row, const uint32_t *slots, size_t n, float *out) const;

  std::vector<float> centre_;
  std::vector<float> cosines_;  // of pi * differing bits / dimension
  size_t words_;
  bool euclidean_;
  SignKernels kernels_;
};

}  // namespace annulus
