// Eight-bit codes with one scale for all components, squared Euclidean in the code domain: the
// cheapest scorer there is, so that the benchmark shows the graph's own cost. Built with
// -march=native.
#pragma once

#include <annulus/abi.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <vector>

#if defined(__AVX512VNNI__)
#include <immintrin.h>
#endif

namespace annulus::hnsw::bench {

class ByteScorer {
 public:
  ByteScorer(uint32_t dimension, size_t capacity, float low, float high)
      : stride_((dimension + 63) / 64 * 64),
        low_(low),
        scale_(255.0f / (high - low)),
        codes_(capacity * stride_ + 64),
        sums_(capacity) {
    const auto address = reinterpret_cast<uintptr_t>(codes_.data());
    base_ = codes_.data() + (64 - address % 64) % 64;
    table_ = {{ANNULUS_ABI_MAGIC, ANNULUS_KIND_SCORER, sizeof(annulus_scorer), ANNULUS_ABI_VERSION},
              this,
              [](void *) {},
              [](void *) {},
              dimension,
              ANNULUS_METRIC_EUCLIDEAN,
              stride_ + 64,
              [](void *self) { return of(self).slots_.load(std::memory_order_acquire); },
              [](void *self, const float *vector, void *query) {
                std::vector<uint8_t> code(of(self).stride_, 0);
                of(self).encode(vector, code.data());
                of(self).prepare(code.data(), query);
              },
              [](void *self, const void *query, const uint32_t *slots, size_t n, float *out) {
                of(self).distances(static_cast<const int8_t *>(query), slots, n, out);
              },
              [](void *self, uint32_t slot, const uint32_t *slots, size_t n, float *out) {
                alignas(64) int8_t query[4096 + 64];
                of(self).prepare(of(self).code(slot), query);
                of(self).distances(query, slots, n, out);
              },
              nullptr,
              [](void *self, uint32_t slot, void *query) {
                of(self).prepare(of(self).code(slot), query);
              },
              [](void *self, const uint32_t *slots, size_t n) { of(self).prefetch(slots, n); }};
  }

  void add(const float *vector) {
    const uint64_t slot = slots_.load(std::memory_order_relaxed);
    encode(vector, base_ + slot * stride_);
    int32_t sum = 0;
    for (size_t i = 0; i < stride_; ++i) {
      const int32_t v = code(static_cast<uint32_t>(slot))[i];
      sum += v * v - 256 * v;
    }
    sums_[slot] = sum;
    slots_.store(slot + 1, std::memory_order_release);
  }
  const annulus_scorer &table() const { return table_; }

 private:
  static ByteScorer &of(void *self) { return *static_cast<ByteScorer *>(self); }
  const uint8_t *code(uint32_t slot) const { return base_ + slot * stride_; }

  void encode(const float *vector, uint8_t *out) const {
    for (uint32_t i = 0; i < table_.dimension; ++i) {
      const float v = std::nearbyint((vector[i] - low_) * scale_);
      out[i] = static_cast<uint8_t>(std::clamp(v, 0.0f, 255.0f));
    }
  }
  // The query is shifted to signed bytes; |q - v|² = |q|² + |v|² - 2 (q - 128) v - 256 sum(v).
  void prepare(const uint8_t *code, void *query) const {
    auto *out = static_cast<int8_t *>(query);
    int32_t norm = 0;
    for (size_t i = 0; i < stride_; ++i) {
      norm += code[i] * code[i];
      out[i] = static_cast<int8_t>(code[i] - 128);
    }
    std::memcpy(out + stride_, &norm, sizeof(norm));
  }
  void distances(const int8_t *query, const uint32_t *slots, size_t n, float *out) const {
    int32_t norm;
    std::memcpy(&norm, query + stride_, sizeof(norm));
    for (size_t i = 0; i < n; ++i) {
      out[i] = static_cast<float>(norm + sums_[slots[i]] - 2 * dot(query, code(slots[i])));
    }
  }
  int32_t dot(const int8_t *query, const uint8_t *code) const {
#if defined(__AVX512VNNI__)
    __m512i a = _mm512_setzero_si512(), b = a;
    size_t i = 0;
    for (; i + 128 <= stride_; i += 128) {
      a = _mm512_dpbusd_epi32(a, _mm512_load_si512(code + i), _mm512_load_si512(query + i));
      b = _mm512_dpbusd_epi32(b, _mm512_load_si512(code + i + 64),
                              _mm512_load_si512(query + i + 64));
    }
    if (i < stride_) {
      a = _mm512_dpbusd_epi32(a, _mm512_load_si512(code + i), _mm512_load_si512(query + i));
    }
    return _mm512_reduce_add_epi32(_mm512_add_epi32(a, b));
#else
    int32_t sum = 0;
    for (size_t i = 0; i < stride_; ++i) sum += query[i] * code[i];
    return sum;
#endif
  }
  void prefetch(const uint32_t *slots, size_t n) const {
    for (size_t i = 0; i < n; ++i) {
      const uint8_t *c = code(slots[i]);
      for (size_t at = 0; at < stride_; at += 64) __builtin_prefetch(c + at);
    }
  }

  const size_t stride_;
  const float low_, scale_;
  std::vector<uint8_t> codes_;
  std::vector<int32_t> sums_;
  uint8_t *base_;
  std::atomic<uint64_t> slots_{0};
  annulus_scorer table_;
};

}  // namespace annulus::hnsw::bench
