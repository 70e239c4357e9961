#include "kernels/int_kernels.h"

#include "kernels/int_avx2.h"
#include "kernels/int_avx512.h"
#include "kernels/int_neon.h"
#include "kernels/int_neon_dotprod.h"
#include "kernels/int_scalar.h"
#include "kernels/int_vnni.h"

namespace annulus {

IntKernels int_kernels(Isa isa) {
  switch (best_isa(isa)) {
#if defined(ANNULUS_X86)
    case Isa::avx512_vnni:
      return {int_vnni::split, int_vnni::dot, int_vnni::pair_dot, int_avx512::l1,
              int_avx512::pair_l1};
    case Isa::avx512:
      return {int_scalar::split, int_avx512::dot, int_avx512::pair_dot, int_avx512::l1,
              int_avx512::pair_l1};
    case Isa::avx2:
      return {int_scalar::split, int_avx2::dot, int_avx2::pair_dot, int_avx2::l1,
              int_avx2::pair_l1};
#elif defined(ANNULUS_ARM64)
    case Isa::neon_dotprod:
      return {int_neon_dotprod::split, int_neon_dotprod::dot, int_neon_dotprod::pair_dot,
              int_neon::l1, int_neon::pair_l1};
    case Isa::neon:
      return {int_scalar::split, int_neon::dot, int_neon::pair_dot, int_neon::l1,
              int_neon::pair_l1};
#endif
    default:
      return {int_scalar::split, int_scalar::dot, int_scalar::pair_dot, int_scalar::l1,
              int_scalar::pair_l1};
  }
}

}  // namespace annulus
