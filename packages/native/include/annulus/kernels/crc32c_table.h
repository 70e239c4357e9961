// The reference CRC-32C: eight bytes a step from tables built at compile time ("slicing by 8", M.
// Kounavis and F. Berry, Intel, 2005), and the polynomial arithmetic that the hardware paths take
// constants from.
#ifndef ANNULUS_KERNELS_CRC32C_TABLE_H
#define ANNULUS_KERNELS_CRC32C_TABLE_H

#include <array>
#include <cstddef>
#include <cstdint>

namespace annulus {

inline constexpr uint32_t crc32c_polynomial = 0x82f63b78u;  // bit-reflected: bit 31 is x^0

/// a * x mod P.
constexpr uint32_t crc32c_times_x(uint32_t a) {
  return (a >> 1) ^ ((a & 1u) != 0 ? crc32c_polynomial : 0u);
}

/// x^n mod P.
constexpr uint32_t crc32c_power(uint64_t n) {
  uint32_t value = 0x80000000u;
  for (; n > 0; --n) value = crc32c_times_x(value);
  return value;
}

/// a * b mod P.
constexpr uint32_t crc32c_product(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = 0x80000000u; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = crc32c_times_x(b);
  }
  return product;
}

using Crc32cTables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Crc32cTables make_crc32c_tables() {
  Crc32cTables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc32c_times_x(crc);
    tables[0][byte] = crc;
  }
  for (size_t t = 1; t < 8; ++t) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t crc = tables[t - 1][byte];
      tables[t][byte] = (crc >> 8) ^ tables[0][crc & 0xff];
    }
  }
  return tables;
}

inline constexpr Crc32cTables crc32c_tables = make_crc32c_tables();

inline uint32_t crc32c_table(uint32_t crc, const uint8_t *bytes, size_t size) {
  const Crc32cTables &t = crc32c_tables;
  for (; size >= 8; bytes += 8, size -= 8) {
    const uint32_t low =
        crc ^ (static_cast<uint32_t>(bytes[0]) | static_cast<uint32_t>(bytes[1]) << 8 |
               static_cast<uint32_t>(bytes[2]) << 16 | static_cast<uint32_t>(bytes[3]) << 24);
    crc = t[7][low & 0xff] ^ t[6][(low >> 8) & 0xff] ^ t[5][(low >> 16) & 0xff] ^ t[4][low >> 24] ^
          t[3][bytes[4]] ^ t[2][bytes[5]] ^ t[1][bytes[6]] ^ t[0][bytes[7]];
  }
  for (; size > 0; ++bytes, --size) crc = (crc >> 8) ^ t[0][(crc ^ *bytes) & 0xff];
  return crc;
}

}  // namespace annulus

#endif
