// CRC-32C with the arm64 CRC instructions, three chains joined by PMULL.
#ifndef ANNULUS_KERNELS_CRC32C_ARM_H
#define ANNULUS_KERNELS_CRC32C_ARM_H

#include <annulus/cpu.h>
#include <annulus/kernels/crc32c_table.h>
#include <annulus/kernels/intrinsics.h>

// clang before 16 hides the intrinsics unless the whole file is compiled for them.
#if defined(ANNULUS_ARM64) && (!defined(__clang__) || __clang_major__ >= 16 || \
                               (defined(__ARM_FEATURE_CRC32) && defined(__ARM_FEATURE_AES)))
#define ANNULUS_CRC_ON_ARM 1
#include <cstring>

#if defined(__clang__)
#define ANNULUS_CRC_ARM __attribute__((target("crc,aes")))
#else
#define ANNULUS_CRC_ARM __attribute__((target("+crc+crypto")))
#endif

namespace annulus {

inline bool crc32c_arm_supported() {
#if defined(__linux__)
  const unsigned long needed = (1UL << 7) | (1UL << 4);  // CRC32 and PMULL
  return (getauxval(AT_HWCAP) & needed) == needed;
#elif defined(__APPLE__)
  return true;
#else
  return false;
#endif
}

namespace arm_crc {

inline uint64_t load64(const uint8_t *bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// crc * factor as 64 reflected bits; the CRC instruction that takes it multiplies by x^33 more.
ANNULUS_CRC_ARM inline uint64_t multiply(uint32_t crc, uint32_t factor) {
  return vgetq_lane_u64(vreinterpretq_u64_p128(vmull_p64(crc, factor)), 0);
}

/// Three blocks of `Block` bytes.
template <size_t Block>
ANNULUS_CRC_ARM inline uint32_t three_blocks(uint32_t crc, const uint8_t *bytes) {
  static_assert(Block % 8 == 0, "whole words");
  constexpr uint32_t two_blocks_on = crc32c_power(8 * 2 * Block - 33);
  constexpr uint32_t one_block_on = crc32c_power(8 * Block - 33);
  uint32_t a = crc, b = 0, c = 0;
  for (size_t i = 0; i < Block; i += 8) {
    a = __crc32cd(a, load64(bytes + i));
    b = __crc32cd(b, load64(bytes + Block + i));
    c = __crc32cd(c, load64(bytes + 2 * Block + i));
  }
  return c ^ __crc32cd(0, multiply(a, two_blocks_on) ^ multiply(b, one_block_on));
}

}  // namespace arm_crc

ANNULUS_CRC_ARM inline uint32_t crc32c_arm(uint32_t crc, const uint8_t *bytes, size_t size) {
  for (; size >= 3 * 1024; bytes += 3 * 1024, size -= 3 * 1024) {
    crc = arm_crc::three_blocks<1024>(crc, bytes);
  }
  for (; size >= 3 * 256; bytes += 3 * 256, size -= 3 * 256) {
    crc = arm_crc::three_blocks<256>(crc, bytes);
  }
  for (; size >= 3 * 64; bytes += 3 * 64, size -= 3 * 64) {
    crc = arm_crc::three_blocks<64>(crc, bytes);
  }
  for (; size >= 8; bytes += 8, size -= 8) crc = __crc32cd(crc, arm_crc::load64(bytes));
  for (; size > 0; ++bytes, --size) crc = __crc32cb(crc, *bytes);
  return crc;
}

}  // namespace annulus

#endif
#endif
