// Sets of slots as bitmaps: bit `s % 32` of word `s / 32`, as in abi.h (`allowed`, `allowed_bits`).
#ifndef ANNULUS_BITMAP_H
#define ANNULUS_BITMAP_H

#include <cstddef>
#include <cstdint>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

namespace annulus {

inline uint32_t count_ones(uint32_t word) {
#if defined(_MSC_VER) && !defined(__clang__)
  return __popcnt(word);
#else
  return static_cast<uint32_t>(__builtin_popcount(word));
#endif
}

/// Index of the lowest set bit; `word` must not be 0.
inline uint32_t lowest_one(uint32_t word) {
#if defined(_MSC_VER) && !defined(__clang__)
  unsigned long index;
  _BitScanForward(&index, word);
  return index;
#else
  return static_cast<uint32_t>(__builtin_ctz(word));
#endif
}

inline constexpr size_t bitmap_words(uint64_t bits) {
  return static_cast<size_t>((bits + 31) / 32);
}

inline void set_bit(uint32_t *words, uint64_t bit) { words[bit / 32] |= 1u << (bit % 32); }
inline void clear_bit(uint32_t *words, uint64_t bit) { words[bit / 32] &= ~(1u << (bit % 32)); }

/// A borrowed bitmap of `bits` bits. Bits at and beyond `bits` count as not set, whatever the last
/// word holds; null words stand for "every bit below `bits` is set".
class Bitmap {
 public:
  Bitmap(const uint32_t *words, uint64_t bits) : words_(words), bits_(bits) {}

  uint64_t bits() const { return bits_; }

  bool test(uint64_t bit) const {
    if (bit >= bits_) return false;
    return words_ == nullptr || ((words_[bit / 32] >> (bit % 32)) & 1u) != 0;
  }

  uint64_t count() const {
    if (words_ == nullptr) return bits_;
    uint64_t ones = 0;
    for (size_t w = 0; w < bitmap_words(bits_); ++w) ones += count_ones(word(w));
    return ones;
  }

  /// Calls `visit(bit)` for every set bit in ascending order until it returns false.
  template <typename Visit>
  void each(Visit visit) const {
    for (size_t w = 0; w < bitmap_words(bits_); ++w) {
      for (uint32_t rest = word(w); rest != 0; rest &= rest - 1) {
        if (!visit(static_cast<uint64_t>(w) * 32 + lowest_one(rest))) return;
      }
    }
  }

 private:
  uint32_t word(size_t w) const {
    const uint32_t all = words_ == nullptr ? ~0u : words_[w];
    const uint64_t left = bits_ - static_cast<uint64_t>(w) * 32;
    return left >= 32 ? all : all & ((1u << left) - 1);
  }

  const uint32_t *words_;
  uint64_t bits_;
};

}  // namespace annulus

#endif
