// Integer kernels over rows of unsigned bytes: the hottest code of a search.
//
// The one subtle rule: every result is an exact integer, so all instruction sets agree bit for bit
// and codes, graphs and answers do not depend on the machine.
#pragma once

#include <annulus/cpu.h>

#include <cstddef>
#include <cstdint>

namespace annulus {

/// Largest length: 65535 * 255 * 128 still fits a signed 32-bit sum.
constexpr size_t max_int_length = 65535;
/// Largest magnitude of a 16-bit query component that splits into two signed bytes.
constexpr int32_t max_query_level = 127 * 256 + 127;

constexpr size_t padded_length(size_t n) { return (n + 63) / 64 * 64; }
/// Bytes of a 16-bit query in a kernel's own layout: two planes and one line for a sum.
constexpr size_t plane_bytes(size_t n) { return 2 * padded_length(n) + 64; }

/// The kernels of one Isa. Rows hold n <= max_int_length bytes at any alignment (64 is fastest);
/// nothing past byte n is read. Planes are 64-byte aligned.
struct IntKernels {
  /// Lays out q[0..n), |q[i]| <= max_query_level, for `dot` of the same Isa.
  void (*split)(const int16_t *q, size_t n, uint8_t *planes);
  /// out[r] = sum of rows[r][i] * q[i].
  void (*dot)(const uint8_t *const *rows, size_t count, const uint8_t *planes, size_t n,
              int64_t *out);
  /// out[r] = sum of rows[r][i] * (row[i] - 128).
  void (*pair_dot)(const uint8_t *const *rows, size_t count, const uint8_t *row, size_t n,
                   int64_t *out);
  /// out[r] = sum of |256 rows[r][i] - (256 whole[i] + part[i])| minus the sum of all part[i]:
  /// with w = whole[i], c = rows[r][i] that is 256 |c - w|, less 2 part[i] where c > w.
  void (*l1)(const uint8_t *const *rows, size_t count, const uint8_t *whole, const uint8_t *part,
             size_t n, int64_t *out);
  /// out[r] = sum of |rows[r][i] - row[i]|.
  void (*pair_l1)(const uint8_t *const *rows, size_t count, const uint8_t *row, size_t n,
                  int64_t *out);
};

/// Kernels of the best supported level at or below `isa`.
IntKernels int_kernels(Isa isa = active_isa());

}  // namespace annulus
