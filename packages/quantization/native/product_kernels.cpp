#include "kernels/product_kernels.h"

#include "kernels/product_loops.h"
#include "kernels/product_vbmi.h"

namespace annulus {

namespace {

// Loops over components are unrolled: sub-spaces are narrow.
// clang-format off
#define ONE_WIDTH(W, LOOP, ...) case W: return LOOP<W>(__VA_ARGS__);
#define FOR_WIDTH(...)                                                                             \
  switch (width) {                                                                                 \
    ONE_WIDTH(1, __VA_ARGS__) ONE_WIDTH(2, __VA_ARGS__) ONE_WIDTH(3, __VA_ARGS__)                  \
    ONE_WIDTH(4, __VA_ARGS__) ONE_WIDTH(5, __VA_ARGS__) ONE_WIDTH(6, __VA_ARGS__)                  \
    ONE_WIDTH(7, __VA_ARGS__) ONE_WIDTH(8, __VA_ARGS__) ONE_WIDTH(9, __VA_ARGS__)                  \
    ONE_WIDTH(10, __VA_ARGS__) ONE_WIDTH(11, __VA_ARGS__) ONE_WIDTH(12, __VA_ARGS__)               \
    ONE_WIDTH(13, __VA_ARGS__) ONE_WIDTH(14, __VA_ARGS__) ONE_WIDTH(15, __VA_ARGS__)               \
    ONE_WIDTH(16, __VA_ARGS__)                                                                     \
  }

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
    TARGET static void ends(const float *values, float *least, float *largest) {                   \
      product_loops::ends(values, least, largest);                                                 \
    }                                                                                              \
    TARGET static void round(const float *in, float low, float per_unit, uint16_t *out) {          \
      product_loops::round(in, low, per_unit, out);                                                \
    }                                                                                              \
    TARGET static void nearest_of_each(const float *points, size_t n, size_t stride, size_t width, \
                                       const float *centroids, uint8_t *nearest,                   \
                                       float *distances) {                                         \
      FOR_WIDTH(product_loops::nearest_of_each, points, n, stride, centroids, nearest, distances)  \
    }                                                                                              \
    TARGET static void approach(const float *points, size_t n, size_t width,                       \
                                const float *centroid, float *best, float *sums) {                 \
      FOR_WIDTH(product_loops::approach, points, n, centroid, best, sums)                          \
    }                                                                                              \
    TARGET static void compare(TableKind kind, const float *a, const float *b, size_t n,           \
                               float *sums) {                                                      \
      product_loops::compare(kind, a, b, n, sums);                                                 \
    }                                                                                              \
    static constexpr ProductKernels kernels() {                                                    \
      return {nearest,  nearest_of_each, table,   ends, round,                                     \
              approach, compare,         nullptr, product_loops::sum};                             \
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
  if (best >= Isa::avx512_vnni && __builtin_cpu_supports("avx512vbmi")) {
    ProductKernels kernels = Avx512::kernels();
    kernels.split = product_vbmi::split;
    kernels.sum = product_vbmi::sum;
    return kernels;
  }
  if (best >= Isa::avx512) return Avx512::kernels();
  if (best == Isa::avx2) return Avx2::kernels();
#endif
  (void)best;
  return Plain::kernels();
}

}  // namespace annulus
