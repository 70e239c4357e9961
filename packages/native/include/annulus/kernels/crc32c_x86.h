// CRC-32C with the SSE4.2 instruction, three chains joined by PCLMULQDQ.
#ifndef ANNULUS_KERNELS_CRC32C_X86_H
#define ANNULUS_KERNELS_CRC32C_X86_H

#include <annulus/cpu.h>
#include <annulus/kernels/crc32c_table.h>
#include <annulus/kernels/intrinsics.h>

#if defined(ANNULUS_X86) && defined(__x86_64__)
#include <cstring>

#define ANNULUS_CRC_SSE42 ANNULUS_TARGET("sse4.2,pclmul")

namespace annulus {

inline bool crc32c_sse42_supported() {
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

namespace sse42 {

inline uint64_t load64(const uint8_t *bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// crc * factor as 64 reflected bits; the CRC instruction that takes it multiplies by x^33 more.
ANNULUS_CRC_SSE42 inline uint64_t multiply(uint64_t crc, uint32_t factor) {
  const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(crc)),
                                               _mm_cvtsi32_si128(static_cast<int>(factor)), 0);
  return static_cast<uint64_t>(_mm_cvtsi128_si64(product));
}

/// Three blocks of `Block` bytes.
template <size_t Block>
ANNULUS_CRC_SSE42 inline uint64_t three_blocks(uint64_t crc, const uint8_t *bytes) {
  static_assert(Block % 8 == 0, "whole words");
  constexpr uint32_t two_blocks_on = crc32c_power(8 * 2 * Block - 33);
  constexpr uint32_t one_block_on = crc32c_power(8 * Block - 33);
  uint64_t a = crc, b = 0, c = 0;
  for (size_t i = 0; i < Block; i += 8) {
    a = _mm_crc32_u64(a, load64(bytes + i));
    b = _mm_crc32_u64(b, load64(bytes + Block + i));
    c = _mm_crc32_u64(c, load64(bytes + 2 * Block + i));
  }
  return c ^ _mm_crc32_u64(0, multiply(a, two_blocks_on) ^ multiply(b, one_block_on));
}

}  // namespace sse42

ANNULUS_CRC_SSE42 inline uint32_t crc32c_sse42(uint32_t crc32, const uint8_t *bytes, size_t size) {
  uint64_t crc = crc32;
  for (; size >= 3 * 1024; bytes += 3 * 1024, size -= 3 * 1024) {
    crc = sse42::three_blocks<1024>(crc, bytes);
  }
  for (; size >= 3 * 256; bytes += 3 * 256, size -= 3 * 256) {
    crc = sse42::three_blocks<256>(crc, bytes);
  }
  for (; size >= 3 * 64; bytes += 3 * 64, size -= 3 * 64) {
    crc = sse42::three_blocks<64>(crc, bytes);
  }
  for (; size >= 8; bytes += 8, size -= 8) crc = _mm_crc32_u64(crc, sse42::load64(bytes));
  for (; size > 0; ++bytes, --size) crc = _mm_crc32_u8(static_cast<uint32_t>(crc), *bytes);
  return static_cast<uint32_t>(crc);
}

}  // namespace annulus

#endif
#endif
