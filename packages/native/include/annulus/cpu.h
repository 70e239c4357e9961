// Which SIMD instructions this process may use: what the CPU and the compiler offer, capped by the
// environment variable ANNULUS_ISA (scalar, avx2, avx512, avx512_vnni, neon, neon_dotprod).
//
// The one subtle rule: kernels take their Isa as an argument and default to `active_isa()`, so that
// a test can run every level in one process and nothing global has to be switched.
#ifndef ANNULUS_CPU_H
#define ANNULUS_CPU_H

#include <cstdlib>
#include <cstring>

#if (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__))
#define ANNULUS_X86 1
#define ANNULUS_TARGET(features) __attribute__((target(features)))
#define ANNULUS_AVX2 ANNULUS_TARGET("avx2,fma,bmi2,popcnt")
#define ANNULUS_AVX512 ANNULUS_TARGET("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2,popcnt")
#define ANNULUS_AVX512_VNNI \
  ANNULUS_TARGET("avx512vnni,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2,popcnt")
#define ANNULUS_AVX512_VPOPCNTDQ \
  ANNULUS_TARGET("avx512vpopcntdq,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2,popcnt")
#elif defined(__aarch64__) && (defined(__GNUC__) || defined(__clang__))
#define ANNULUS_ARM64 1
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#endif

namespace annulus {

/// Instruction sets a kernel may be written for. Within a family each level includes those before
/// it.
enum class Isa {
  scalar,
  neon,          // arm64 baseline
  neon_dotprod,  // + SDOT/UDOT
  avx2,          // AVX2, FMA, BMI2, POPCNT
  avx512,        // + AVX-512 F, BW, DQ, VL
  avx512_vnni,   // + AVX-512 VNNI
};

inline constexpr Isa all_isas[] = {Isa::scalar, Isa::neon,   Isa::neon_dotprod,
                                   Isa::avx2,   Isa::avx512, Isa::avx512_vnni};

inline const char *isa_name(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return "scalar";
    case Isa::neon:
      return "neon";
    case Isa::neon_dotprod:
      return "neon_dotprod";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::avx512_vnni:
      return "avx512_vnni";
  }
  return "unknown";
}

/// Whether this machine executes code of that level (and this build contains it).
inline bool isa_supported(Isa isa) {
  if (isa == Isa::scalar) return true;
#if defined(ANNULUS_X86)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  if (isa == Isa::avx2) return avx2;
  if (isa == Isa::avx512) return avx512;
  if (isa == Isa::avx512_vnni) return avx512 && __builtin_cpu_supports("avx512vnni");
#elif defined(ANNULUS_ARM64)
  if (isa == Isa::neon) return true;
#if defined(__linux__)
  if (isa == Isa::neon_dotprod) return (getauxval(AT_HWCAP) & (1UL << 20)) != 0;  // ASIMDDP
#elif defined(__APPLE__)
  if (isa == Isa::neon_dotprod) return true;  // every Apple CPU that runs macOS has it
#endif
#endif
  return false;
}

#if defined(ANNULUS_X86)
/// Whether a machine of level avx512_vnni also has VPOPCNTDQ, as most do.
inline bool has_vpopcntdq() { return __builtin_cpu_supports("avx512vpopcntdq"); }
#endif

/// The best level at or below `limit`: what a kernel asked for an unsupported level falls back to.
inline Isa best_isa(Isa limit = Isa::avx512_vnni) {
  Isa best = Isa::scalar;
  for (const Isa isa : all_isas) {
    if (isa <= limit && isa_supported(isa)) best = isa;
  }
  return best;
}

/// The level in use: the best one of this machine, or less if ANNULUS_ISA asks for less. Read once.
inline Isa active_isa() {
  static const Isa active = [] {
    const char *wanted = std::getenv("ANNULUS_ISA");
    if (wanted != nullptr) {
      for (const Isa isa : all_isas) {
        if (std::strcmp(wanted, isa_name(isa)) == 0) return best_isa(isa);
      }
    }
    return best_isa();
  }();
  return active;
}

}  // namespace annulus

#endif
