// Every integer kernel of this machine against the scalar reference, with guard bytes behind each
// row so that a sanitizer sees a read past the end.
#include "../kernels/int_kernels.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

namespace {

using annulus::IntKernels;

struct Case {
  size_t n;
  std::vector<std::unique_ptr<uint8_t[]>> owned;  // one exact-size allocation per row
  std::vector<const uint8_t *> rows;
  std::vector<int16_t> query;
  std::unique_ptr<uint8_t[]> other, whole, part;
};

enum class Fill { random, extreme };

Case make_case(size_t n, size_t count, Fill fill, std::mt19937 &random) {
  const auto byte = [&] {
    return static_cast<uint8_t>(fill == Fill::extreme ? (random() & 7 ? 255 : 0) : random());
  };
  const auto bytes = [&] {
    std::unique_ptr<uint8_t[]> row(new uint8_t[n]);
    for (size_t i = 0; i < n; ++i) row[i] = byte();
    return row;
  };
  Case made{n, {}, {}, {}, bytes(), bytes(), bytes()};
  for (size_t r = 0; r < count; ++r) {
    made.owned.push_back(bytes());
    made.rows.push_back(made.owned.back().get());
  }
  const int32_t limit = annulus::max_query_level;
  for (size_t i = 0; i < n; ++i) {
    const int32_t level = static_cast<int32_t>(random() % (2 * limit + 1)) - limit;
    made.query.push_back(
        static_cast<int16_t>(fill == Fill::extreme ? (random() & 7 ? limit : -limit) : level));
  }
  return made;
}

std::vector<int64_t> run(const IntKernels &kernels, const Case &c) {
  const size_t count = c.rows.size();
  std::vector<int64_t> out(4 * count);
  auto *planes = static_cast<uint8_t *>(std::aligned_alloc(64, annulus::plane_bytes(c.n)));
  kernels.split(c.query.data(), c.n, planes);
  kernels.dot(c.rows.data(), count, planes, c.n, out.data());
  kernels.pair_dot(c.rows.data(), count, c.other.get(), c.n, out.data() + count);
  kernels.l1(c.rows.data(), count, c.whole.get(), c.part.get(), c.n, out.data() + 2 * count);
  kernels.pair_l1(c.rows.data(), count, c.other.get(), c.n, out.data() + 3 * count);
  std::free(planes);
  return out;
}

}  // namespace

int main() {
  std::mt19937 random(20240611);
  const IntKernels reference = annulus::int_kernels(annulus::Isa::scalar);
  size_t checks = 0;
  for (const annulus::Isa isa : annulus::all_isas) {
    if (!annulus::isa_supported(isa)) {
      std::printf("# %s: not on this machine\n", annulus::isa_name(isa));
      continue;
    }
    const IntKernels kernels = annulus::int_kernels(isa);
    std::vector<size_t> lengths;
    for (size_t n = 0; n <= 2100; ++n) lengths.push_back(n);
    for (const size_t n : {4095, 4096, 4097, 32768, 65535}) lengths.push_back(n);
    for (const size_t n : lengths) {
      for (const Fill fill : {Fill::random, Fill::extreme}) {
        const Case c = make_case(n, 1 + n % 6, fill, random);
        if (run(kernels, c) != run(reference, c)) {
          std::printf("not ok: %s differs from scalar at length %zu\n", annulus::isa_name(isa), n);
          return 1;
        }
        ++checks;
      }
    }
    std::printf("# %s: equal\n", annulus::isa_name(isa));
  }
  std::printf("ok: %zu comparisons\n", checks);
  return 0;
}
