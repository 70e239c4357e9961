// Products of packed codes (8, 4 or 2 to a byte, for 1, 2 and 4 bits) with a query of signed bytes.
//
// Component i of n lies in byte i mod m of its row, m = packed_bytes(n, bits), at bit
// bits * floor(i / m): so a shift and a mask lay bare one component of every byte, and the query is
// kept as one plane for each shift.
//
// The one subtle rule: every result is an exact integer, so all instruction sets agree bit for bit.
#pragma once

#include <annulus/cpu.h>

#include <cstddef>
#include <cstdint>

namespace annulus {

/// Bytes of a row of n components.
constexpr size_t packed_bytes(size_t n, uint32_t bits) { return (n * bits + 7) / 8; }
/// From one plane of a query to the next: whole cache lines, zero behind the row's bytes.
constexpr size_t packed_plane_stride(size_t row_bytes) { return (row_bytes + 63) / 64 * 64; }
/// Size of a query's planes.
constexpr size_t packed_query_bytes(size_t n, uint32_t bits) {
  return packed_plane_stride(packed_bytes(n, bits)) * (8 / bits);
}

/// out[r] = sum over components of rows[r] (0 to 2^bits - 1) times the query (-127 to 127). Rows
/// hold row_bytes at any alignment and nothing past them is read; planes are 64-byte aligned.
using PackedDot = void (*)(const uint8_t *const *rows, size_t count, const int8_t *planes,
                           size_t row_bytes, int32_t *out);

/// The kernel for 1, 2 or 4 bits of the best supported level at or below `isa`.
PackedDot packed_dot(uint32_t bits, Isa isa = active_isa());

/// Packs levels[0..n) (each below 2^bits) into a row.
void pack_levels(const uint8_t *levels, size_t n, uint32_t bits, uint8_t *row);
/// The reverse.
void unpack_levels(const uint8_t *row, size_t n, uint32_t bits, uint8_t *levels);
/// Lays out a query of n signed bytes as planes.
void lay_planes(const int8_t *query, size_t n, uint32_t bits, int8_t *planes);

}  // namespace annulus
