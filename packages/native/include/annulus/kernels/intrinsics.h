// The CPU's intrinsics, without the false warnings that gcc 12 gives about its own header
// (uninitialized variables inside `_mm512_undefined_*`, gcc bug 105593). Include this, never
// <immintrin.h>.
#ifndef ANNULUS_KERNELS_INTRINSICS_H
#define ANNULUS_KERNELS_INTRINSICS_H

#include <annulus/cpu.h>

#if defined(ANNULUS_X86)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#elif defined(ANNULUS_ARM64)
#include <arm_acle.h>
#include <arm_neon.h>
#endif

#endif
