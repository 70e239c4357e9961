// The reference that every other kernel over bits is tested against.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace annulus::sign_scalar {

inline uint64_t word_at(const uint8_t *row, size_t word) {
  uint64_t bits;
  std::memcpy(&bits, row + 8 * word, sizeof bits);
  return bits;
}

inline void agreement(const uint8_t *const *rows, size_t count, const uint8_t *magnitudes,
                      const uint64_t *negative, size_t words, int64_t *out) {
  for (size_t r = 0; r < count; ++r) {
    int64_t sum = 0;
    for (size_t w = 0; w < words; ++w) {
      const uint64_t agreeing = word_at(rows[r], w) ^ negative[w];
      for (size_t i = 0; i < 64; ++i) {
        sum += static_cast<int64_t>((agreeing >> i) & 1) * magnitudes[64 * w + i];
      }
    }
    out[r] = sum;
  }
}

// Bits counted in parallel, as no CPU instruction is taken for granted here.
inline uint32_t ones(uint64_t bits) {
  bits -= (bits >> 1) & 0x5555555555555555u;
  bits = (bits & 0x3333333333333333u) + ((bits >> 2) & 0x3333333333333333u);
  bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  return static_cast<uint32_t>((bits * 0x0101010101010101u) >> 56);
}

inline void differing(const uint8_t *const *rows, size_t count, const uint8_t *row, size_t words,
                      uint32_t *out) {
  for (size_t r = 0; r < count; ++r) {
    uint32_t sum = 0;
    for (size_t w = 0; w < words; ++w) sum += ones(word_at(rows[r], w) ^ word_at(row, w));
    out[r] = sum;
  }
}

}  // namespace annulus::sign_scalar
