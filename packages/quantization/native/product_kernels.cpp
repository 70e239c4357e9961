#include "kernels/product_kernels.h"

#include "kernels/product_loops.h"

namespace annulus {

namespace {

// clang-format off
#define PRODUCT_KERNELS(NAME, TARGET)                                                              \
  struct NAME {                                                                                    \
    TARGET static uint8_t nearest(const float *point, size_t width, const float *centroids,        \
                                  float *distance) {                                               \
      return product_loops::nearest(point, width, centroids, distance);                            \
    }                                                                                              \
    TARGET static void table(TableKind kind, const float *query, size_t width,                     \
                             const float *centroids, float *out) {                                 \
      product_loops::table(kind, query, width, centroids, out);                                    \
    }                                                                                              \
    TARGET static void round(const float *in, float low, float per_unit, uint16_t *out) {          \
      product_loops::round(in, low, per_unit, out);                                                \
    }                                                                                              \
    TARGET static void approach(const float *points, size_t n, size_t width,                       \
                                const float *centroid, float *best) {                              \
      product_loops::approach(points, n, width, centroid, best);                                   \
    }                                                                                              \
    TARGET static void compare(TableKind kind, const float *a, const float *b, size_t n,           \
                               float *sums) {                                                      \
      product_loops::compare(kind, a, b, n, sums);                                                 \
    }                                                                                              \
    static constexpr ProductKernels kernels() {                                                    \
      return {nearest, table, round, approach, compare, product_loops::sum};                       \
    }                                                                                              \
  }
// clang-format on

PRODUCT_KERNELS(Plain, );
#if defined(ANNULUS_X86)
PRODUCT_KERNELS(Avx2, ANNULUS_AVX2);
PRODUCT_KERNELS(Avx512, ANNULUS_AVX512);
#endif

}  // namespace

ProductKernels product_kernels(Isa isa) {
  const Isa best = best_isa(isa);
#if defined(ANNULUS_X86)
  if (best >= Isa::avx512) return Avx512::kernels();
  if (best == Isa::avx2) return Avx2::kernels();
#endif
  (void)best;
  return Plain::kernels();
}

}  // namespace annulus
