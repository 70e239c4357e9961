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

// `count_word` counts the bits of a word.
template <typename Count>
inline int32_t weighted_row(const uint8_t *row, const uint64_t *planes, size_t words,
                            Count count_word) {
  const size_t stride = (words + 7) / 8 * 8;
  int32_t counts[4] = {};
  for (size_t w = 0; w < words; ++w) {
    const uint64_t bits = word_at(row, w);
    for (size_t p = 0; p < 4; ++p) {
      counts[p] += static_cast<int32_t>(count_word(bits & planes[p * stride + w]));
    }
  }
  return counts[0] + 2 * counts[1] + 4 * counts[2] - 8 * counts[3];
}

inline void weighted(const uint8_t *const *rows, size_t count, const uint64_t *planes, size_t words,
                     int32_t *out) {
  for (size_t r = 0; r < count; ++r) out[r] = weighted_row(rows[r], planes, words, ones);
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
