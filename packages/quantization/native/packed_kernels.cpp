#include "kernels/packed_kernels.h"

#include <algorithm>
#include <cstring>

#include "kernels/packed_avx2.h"
#include "kernels/packed_avx512.h"
#include "kernels/packed_neon.h"
#include "kernels/packed_scalar.h"

namespace annulus {

namespace {

template <uint32_t Bits>
PackedDot dot_of(Isa isa) {
  switch (best_isa(isa)) {
#if defined(ANNULUS_X86)
    case Isa::avx512_vnni:
      return packed_vnni::dot<Bits>;
    case Isa::avx512:
      return packed_avx512::dot<Bits>;
    case Isa::avx2:
      return packed_avx2::dot<Bits>;
#elif defined(ANNULUS_ARM64)
    case Isa::neon_dotprod:
      return packed_neon::sdot<Bits>;
    case Isa::neon:
      return packed_neon::dot<Bits>;
#endif
    default:
      return packed_scalar::dot<Bits>;
  }
}

// Calls `each(first, count, plane)` for the components of each plane.
template <typename Each>
void each_plane(size_t n, uint32_t bits, Each each) {
  const size_t row_bytes = packed_bytes(n, bits);
  for (uint32_t plane = 0; plane * row_bytes < n; ++plane) {
    each(plane * row_bytes, std::min(row_bytes, n - plane * row_bytes), plane);
  }
}

}  // namespace

PackedDot packed_dot(uint32_t bits, Isa isa) {
  if (bits == 1) return dot_of<1>(isa);
  return bits == 2 ? dot_of<2>(isa) : dot_of<4>(isa);
}

void pack_levels(const uint8_t *levels, size_t n, uint32_t bits, uint8_t *row) {
  std::memset(row, 0, packed_bytes(n, bits));
  each_plane(n, bits, [&](size_t first, size_t count, uint32_t plane) {
    for (size_t i = 0; i < count; ++i) {
      row[i] = static_cast<uint8_t>(row[i] | (levels[first + i] << (plane * bits)));
    }
  });
}

void unpack_levels(const uint8_t *row, size_t n, uint32_t bits, uint8_t *levels) {
  const auto mask = static_cast<uint8_t>((1 << bits) - 1);
  each_plane(n, bits, [&](size_t first, size_t count, uint32_t plane) {
    for (size_t i = 0; i < count; ++i) {
      levels[first + i] = static_cast<uint8_t>(row[i] >> (plane * bits)) & mask;
    }
  });
}

void lay_planes(const int8_t *query, size_t n, uint32_t bits, int8_t *planes) {
  std::memset(planes, 0, packed_query_bytes(n, bits));
  const size_t stride = packed_plane_stride(packed_bytes(n, bits));
  each_plane(n, bits, [&](size_t first, size_t count, uint32_t plane) {
    std::memcpy(planes + plane * stride, query + first, count);
  });
}

}  // namespace annulus
