#include "kernels/sign_kernels.h"

#include "kernels/sign_avx2.h"
#include "kernels/sign_avx512.h"
#include "kernels/sign_neon.h"
#include "kernels/sign_scalar.h"
#include "kernels/sign_vpopcntdq.h"

namespace annulus {

SignKernels sign_kernels(Isa isa) {
  const Isa best = best_isa(isa);
#if defined(ANNULUS_X86)
  if (best >= Isa::avx512_vnni && has_vpopcntdq()) {
    return {sign_avx512::agreement, sign_vpopcntdq::weighted, sign_vpopcntdq::differing};
  }
  if (best >= Isa::avx512)
    return {sign_avx512::agreement, sign_avx2::weighted, sign_avx2::differing};
  if (best == Isa::avx2) return {sign_avx2::agreement, sign_avx2::weighted, sign_avx2::differing};
#elif defined(ANNULUS_ARM64)
  if (best != Isa::scalar) return {sign_neon::agreement, sign_neon::weighted, sign_neon::differing};
#endif
  (void)best;
  return {sign_scalar::agreement, sign_scalar::weighted, sign_scalar::differing};
}

}  // namespace annulus
