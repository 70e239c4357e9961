// A scorer over float32 vectors in memory, for the plain C++ programs.
#pragma once

#include <annulus/abi.h>
#include <annulus/distance.h>

#include <atomic>
#include <cstring>
#include <vector>

namespace annulus::hnsw::test {

class FloatScorer {
 public:
  FloatScorer(uint32_t dimension, uint32_t metric, size_t capacity)
      : kernels_(float_kernels()),
        stride_((dimension + 15) / 16 * 16),
        vectors_(capacity * stride_ + 16) {
    const auto address = reinterpret_cast<uintptr_t>(vectors_.data());
    base_ = vectors_.data() + (64 - address % 64) % 64 / sizeof(float);
    table_ = {{ANNULUS_ABI_MAGIC, ANNULUS_KIND_SCORER, sizeof(annulus_scorer), ANNULUS_ABI_VERSION},
              this,
              [](void *) {},
              [](void *) {},
              dimension,
              metric,
              stride_ * sizeof(float),
              [](void *self) { return of(self).slots_.load(std::memory_order_acquire); },
              [](void *self, const float *vector, void *query) {
                std::memcpy(query, vector, of(self).table_.dimension * sizeof(float));
              },
              [](void *self, const void *query, const uint32_t *slots, size_t n, float *out) {
                of(self).distances(static_cast<const float *>(query), slots, n, out);
              },
              [](void *self, uint32_t slot, const uint32_t *slots, size_t n, float *out) {
                of(self).distances(of(self).vector(slot), slots, n, out);
              },
              nullptr,
              [](void *self, uint32_t slot, void *query) {
                std::memcpy(query, of(self).vector(slot),
                            of(self).table_.dimension * sizeof(float));
              },
              [](void *self, const uint32_t *slots, size_t n) { of(self).prefetch(slots, n); },
              0,
              nullptr,
              nullptr,
              nullptr};
  }

  /// Appends one vector (normalised by the caller for cosine, which is then -dot).
  void add(const float *vector) {
    const uint64_t slot = slots_.load(std::memory_order_relaxed);
    std::memcpy(base_ + slot * stride_, vector, table_.dimension * sizeof(float));
    slots_.store(slot + 1, std::memory_order_release);
  }
  /// Replaces a vector that nobody reads.
  void set(uint32_t slot, const float *vector) {
    std::memcpy(base_ + size_t{slot} * stride_, vector, table_.dimension * sizeof(float));
  }
  const float *vector(uint32_t slot) const { return base_ + slot * stride_; }
  const annulus_scorer &table() const { return table_; }
  uint64_t scored() const { return scored_; }

 private:
  static FloatScorer &of(void *self) { return *static_cast<FloatScorer *>(self); }
  void distances(const float *query, const uint32_t *slots, size_t n, float *out) const {
    const uint32_t d = table_.dimension;
    for (size_t i = 0; i < n; ++i) {
      out[i] = table_.metric == ANNULUS_METRIC_EUCLIDEAN
                   ? kernels_.squared_euclidean(query, vector(slots[i]), d)
                   : -kernels_.dot(query, vector(slots[i]), d);
    }
  }
  void prefetch(const uint32_t *slots, size_t n) const {
    for (size_t i = 0; i < n; ++i) {
      const float *v = vector(slots[i]);
      for (size_t at = 0; at < stride_; at += 16) __builtin_prefetch(v + at);
    }
  }

  FloatKernels kernels_;
  const size_t stride_;
  std::vector<float> vectors_;
  float *base_;
  std::atomic<uint64_t> slots_{0};
  uint64_t scored_ = 0;
  annulus_scorer table_;
};

}  // namespace annulus::hnsw::test
