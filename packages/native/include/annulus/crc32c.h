// CRC-32C (Castagnoli), verified on every vector read, so it has to cost less than the memory it
// reads.
//
// Hardware paths run three CRC chains side by side, because the instruction takes three cycles but
// one can start every cycle, and join them with a carry-less multiplication by x^(8 * block) (V.
// Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction", Intel, 2011).
#ifndef ANNULUS_CRC32C_H
#define ANNULUS_CRC32C_H

#include <annulus/cpu.h>
#include <annulus/kernels/crc32c_arm.h>
#include <annulus/kernels/crc32c_fold.h>
#include <annulus/kernels/crc32c_table.h>
#include <annulus/kernels/crc32c_x86.h>

#include <cstddef>
#include <cstdint>

namespace annulus {

/// Updates a raw CRC register (not inverted) with `size` bytes.
using Crc32cUpdate = uint32_t (*)(uint32_t crc, const uint8_t *bytes, size_t size);

/// The update of the best supported level at or below `isa`.
inline Crc32cUpdate crc32c_update(Isa isa = active_isa()) {
#if defined(ANNULUS_X86) && defined(__x86_64__)
  if (isa >= Isa::avx512 && crc32c_fold_supported()) return crc32c_fold;
  if (isa != Isa::scalar && crc32c_sse42_supported()) return crc32c_sse42;
#elif defined(ANNULUS_CRC_ON_ARM)
  if (isa != Isa::scalar && crc32c_arm_supported()) return crc32c_arm;
#endif
  (void)isa;
  return crc32c_table;
}

/// CRC-32C of `size` bytes at any alignment. Seed 0 gives the standard checksum (RFC 3720), and
/// crc32c(crc32c(0, a), b) is that of a followed by b. The checksum of a stored vector is
/// crc32c(slot, bytes): the seed makes a vector in the wrong slot fail.
inline uint32_t crc32c(uint32_t seed, const void *data, size_t size) {
  static const Crc32cUpdate update = crc32c_update();
  return ~update(~seed, static_cast<const uint8_t *>(data), size);
}

/// The checksum of a followed by b: from crc32c(seed, a), crc32c(0, b) and the size of b, so that
/// parts can be summed side by side. About 64 multiplications mod P of 32 steps each.
constexpr uint32_t crc32c_joined(uint32_t of_a, uint32_t of_b, uint64_t size_of_b) {
  uint32_t shifted = of_a;
  // x^8, squared for each bit of the size.
  for (uint32_t power = crc32c_power(8); size_of_b > 0; size_of_b >>= 1) {
    if ((size_of_b & 1) != 0) shifted = crc32c_product(shifted, power);
    power = crc32c_product(power, power);
  }
  return shifted ^ of_b;
}

}  // namespace annulus

#endif
