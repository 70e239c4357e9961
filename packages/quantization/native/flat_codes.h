// No quantization: float32 vectors in memory, normalised for cosine; distances are exact.
#pragma once

#include <annulus/distance.h>

#include "codes.h"

namespace annulus {

class FlatCodes final : public CodesOf<FlatCodes> {
 public:
  FlatCodes(uint32_t dimension, uint32_t metric, Isa isa = active_isa());
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
  bool has_bounds() const override { return true; }
  std::vector<uint8_t> codebook() const override { return {}; }

 private:
  void store(const float *vector, float *out) const;

  float (*kernel_)(const float *, const float *, size_t);
  float sign_;
};

}  // namespace annulus
