// Kernels over rows of single bits: the hottest code of a search over binary codes.
//
// The one subtle rule: every result is an exact integer, so all instruction sets agree bit for bit
// and codes, graphs and answers do not depend on the machine.
#pragma once

#include <annulus/cpu.h>

#include <cstddef>
#include <cstdint>

namespace annulus {

/// Words of 64 bits that hold n bits.
constexpr size_t sign_words(size_t n) { return (n + 63) / 64; }

/// From one plane of weights to the next: whole cache lines, where they start on one.
constexpr size_t weight_plane_words(size_t words) { return (words + 7) / 8 * 8; }
constexpr size_t weight_planes = 4;
constexpr int32_t max_weight = 7;

/// The kernels of one Isa. Rows are `words` little-endian 64-bit words, at any alignment.
struct SignKernels {
  /// out[r] = sum of magnitudes[i] where bit i of rows[r] differs from bit i of `negative`: where
  /// the signs of row and query agree, as a row's bit says "positive". `magnitudes` holds
  /// 64 * words bytes, 64-byte aligned.
  void (*agreement)(const uint8_t *const *rows, size_t count, const uint8_t *magnitudes,
                    const uint64_t *negative, size_t words, int64_t *out);
  /// out[r] = sum of the weights (-8 to 7) of the bits that are set in rows[r]. Bit i of plane p is
  /// bit p of weight i in two's complement; planes of `weight_plane_words` follow each other.
  void (*weighted)(const uint8_t *const *rows, size_t count, const uint64_t *planes, size_t words,
                   int32_t *out);
  /// out[r] = number of bits in which rows[r] and `row` differ.
  void (*differing)(const uint8_t *const *rows, size_t count, const uint8_t *row, size_t words,
                    uint32_t *out);
};

/// Kernels of the best supported level at or below `isa`.
SignKernels sign_kernels(Isa isa = active_isa());

}  // namespace annulus
