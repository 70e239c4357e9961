// Every kernel over packed codes against sums taken component by component, with exact-size
// allocations so that a sanitizer sees a read past the end.
#include "../kernels/packed_kernels.h"

#include <annulus/aligned.h>

#include <cstdio>
#include <memory>
#include <random>
#include <vector>

namespace {

using annulus::Isa;

// `extreme`: nearly all levels and query components as large as can be, where sums could overflow.
bool agree(Isa isa, uint32_t bits, size_t n, bool extreme, std::mt19937 &random) {
  const size_t count = 1 + n % 6;
  const uint32_t last = (1u << bits) - 1;
  const size_t row_bytes = annulus::packed_bytes(n, bits);
  std::vector<int8_t> query(n);
  for (int8_t &component : query) {
    const bool wild = !extreme || random() % 16 == 0;
    component = static_cast<int8_t>(wild ? static_cast<int>(random() % 255) - 127 : 127);
  }
  annulus::AlignedVector<uint8_t> planes(annulus::packed_query_bytes(n, bits));
  annulus::lay_planes(query.data(), n, bits, reinterpret_cast<int8_t *>(planes.data()));
  std::vector<std::unique_ptr<uint8_t[]>> owned;
  std::vector<const uint8_t *> rows;
  std::vector<int32_t> expected;
  for (size_t r = 0; r < count; ++r) {
    std::vector<uint8_t> levels(n), back(n);
    int32_t sum = 0;
    for (size_t i = 0; i < n; ++i) {
      const bool wild = !extreme || random() % 16 == 0;
      levels[i] = static_cast<uint8_t>(wild ? random() % (last + 1) : last);
      sum += levels[i] * query[i];
    }
    owned.emplace_back(new uint8_t[row_bytes]);
    annulus::pack_levels(levels.data(), n, bits, owned.back().get());
    annulus::unpack_levels(owned.back().get(), n, bits, back.data());
    if (back != levels) return false;
    // Bits behind the last component must not count.
    if (n * bits % 8 != 0) owned.back()[row_bytes - 1] |= 0x80;
    rows.push_back(owned.back().get());
    expected.push_back(sum);
  }
  std::vector<int32_t> sums(count);
  annulus::packed_dot(bits, isa)(rows.data(), count, reinterpret_cast<int8_t *>(planes.data()),
                                 row_bytes, sums.data());
  return sums == expected;
}

}  // namespace

int main() {
  std::mt19937 random(20241122);
  size_t checks = 0;
  for (const Isa isa : annulus::all_isas) {
    if (!annulus::isa_supported(isa)) {
      std::printf("# %s: not on this machine\n", annulus::isa_name(isa));
      continue;
    }
    std::vector<size_t> lengths;
    for (size_t n = 1; n <= 1100; ++n) lengths.push_back(n);
    for (const size_t n : {4095, 4096, 4097, 65535}) lengths.push_back(n);
    for (const size_t n : lengths) {
      for (const uint32_t bits : {1u, 2u, 4u}) {
        for (const bool extreme : {false, true}) {
          if (!agree(isa, bits, n, extreme, random)) {
            std::printf("not ok: %s, %u bits, length %zu\n", annulus::isa_name(isa), bits, n);
            return 1;
          }
          ++checks;
        }
      }
    }
    std::printf("# %s: equal\n", annulus::isa_name(isa));
  }
  std::printf("ok: %zu comparisons\n", checks);
  return 0;
}
