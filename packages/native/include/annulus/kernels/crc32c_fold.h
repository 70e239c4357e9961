// CRC-32C by folding 256 bytes a step with the 512-bit carry-less multiplication (VPCLMULQDQ),
// after V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
// Instruction", Intel, 2009.
#ifndef ANNULUS_KERNELS_CRC32C_FOLD_H
#define ANNULUS_KERNELS_CRC32C_FOLD_H

#include <annulus/cpu.h>
#include <annulus/kernels/crc32c_table.h>
#include <annulus/kernels/crc32c_x86.h>
#include <annulus/kernels/intrinsics.h>

#if defined(ANNULUS_X86) && defined(__x86_64__)

#define ANNULUS_CRC_FOLD ANNULUS_TARGET("vpclmulqdq,avx512f,avx512vl,avx512dq,sse4.2,pclmul")

namespace annulus {

inline bool crc32c_fold_supported() {
  return crc32c_sse42_supported() && __builtin_cpu_supports("vpclmulqdq") &&
         isa_supported(Isa::avx512);
}

namespace fold {

// Multipliers that move a 128-bit lane `bytes` onwards: x^(8 * bytes + 31) for its first half
// (which stands 64 bits higher) and x^(8 * bytes - 33) for its second. The 33 makes up for
// reflection: a product of a 64-bit and a 32-bit reflected number comes out 33 places too high in
// the 128-bit register.
struct Shift {
  uint64_t first;
  uint64_t second;
};

constexpr Shift shift_by(uint64_t bytes) {
  return {crc32c_power(8 * bytes + 31), crc32c_power(8 * bytes - 33)};
}

ANNULUS_CRC_FOLD inline __m512i load(const uint8_t *bytes) { return _mm512_loadu_si512(bytes); }

ANNULUS_CRC_FOLD inline __m512i factors(Shift shift) {
  return _mm512_set_epi64(static_cast<long long>(shift.second), static_cast<long long>(shift.first),
                          static_cast<long long>(shift.second), static_cast<long long>(shift.first),
                          static_cast<long long>(shift.second), static_cast<long long>(shift.first),
                          static_cast<long long>(shift.second),
                          static_cast<long long>(shift.first));
}

/// lane * shift + next, in every 128-bit lane.
ANNULUS_CRC_FOLD inline __m512i onto(__m512i lanes, __m512i shift, __m512i next) {
  return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(lanes, shift, 0x00),
                                   _mm512_clmulepi64_epi128(lanes, shift, 0x11), next, 0x96);
}

ANNULUS_CRC_FOLD inline __m128i onto(__m128i lane, __m128i shift, __m128i next) {
  return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(lane, shift, 0x00),
                                     _mm_clmulepi64_si128(lane, shift, 0x11)),
                       next);
}

ANNULUS_CRC_FOLD inline __m128i factors128(Shift shift) {
  return _mm_set_epi64x(static_cast<long long>(shift.second), static_cast<long long>(shift.first));
}

/// The CRC of the 64 bytes of `x`: the four lanes folded into one, reduced by the CRC instruction.
ANNULUS_CRC_FOLD inline uint32_t reduce(__m512i x) {
  constexpr Shift by48 = shift_by(48), by32 = shift_by(32), by16 = shift_by(16);
  const __m128i lane0 = _mm512_castsi512_si128(x);
  const __m128i lane1 = _mm512_extracti64x2_epi64(x, 1);
  const __m128i lane2 = _mm512_extracti64x2_epi64(x, 2);
  __m128i sum = _mm512_extracti64x2_epi64(x, 3);
  sum = onto(lane0, factors128(by48), sum);
  sum = onto(lane1, factors128(by32), sum);
  sum = onto(lane2, factors128(by16), sum);
  const uint64_t crc = _mm_crc32_u64(0, static_cast<uint64_t>(_mm_extract_epi64(sum, 0)));
  return static_cast<uint32_t>(
      _mm_crc32_u64(crc, static_cast<uint64_t>(_mm_extract_epi64(sum, 1))));
}

}  // namespace fold

ANNULUS_CRC_FOLD inline uint32_t crc32c_fold(uint32_t crc, const uint8_t *bytes, size_t size) {
  if (size < 512) return crc32c_sse42(crc, bytes, size);
  constexpr fold::Shift by256 = fold::shift_by(256), by128 = fold::shift_by(128),
                        by64 = fold::shift_by(64);
  __m512i x0 = _mm512_xor_si512(fold::load(bytes),
                                _mm512_zextsi128_si512(_mm_cvtsi32_si128(static_cast<int>(crc))));
  __m512i x1 = fold::load(bytes + 64), x2 = fold::load(bytes + 128), x3 = fold::load(bytes + 192);
  const __m512i step = fold::factors(by256);
  for (bytes += 256, size -= 256; size >= 256; bytes += 256, size -= 256) {
    x0 = fold::onto(x0, step, fold::load(bytes));
    x1 = fold::onto(x1, step, fold::load(bytes + 64));
    x2 = fold::onto(x2, step, fold::load(bytes + 128));
    x3 = fold::onto(x3, step, fold::load(bytes + 192));
  }
  const __m512i two = fold::factors(by128), one = fold::factors(by64);
  __m512i x = fold::onto(fold::onto(x0, two, x2), one, fold::onto(x1, two, x3));
  for (; size >= 64; bytes += 64, size -= 64) x = fold::onto(x, one, fold::load(bytes));
  return crc32c_sse42(fold::reduce(x), bytes, size);
}

}  // namespace annulus

#endif
#endif
