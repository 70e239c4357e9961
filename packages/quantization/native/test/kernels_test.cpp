// Every integer kernel of this machine against the scalar reference, with guard bytes behind each
// row so that a sanitizer sees a read past the end.
#include "../kernels/int_kernels.h"

#include <annulus/aligned.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "../scalar_codes.h"

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

// Codes and distances must not depend on the instruction set.
bool encoders_agree(std::mt19937 &random) {
  std::normal_distribution<float> normal;
  for (const uint32_t dimension : {1, 7, 64, 100, 384, 1000}) {
    std::vector<float> vectors(50 * dimension);
    for (float &value : vectors) value = normal(random) + 0.1f;
    for (uint32_t metric = 0; metric <= ANNULUS_METRIC_MANHATTAN; ++metric) {
      std::vector<std::vector<float>> results;
      for (const annulus::Isa isa : annulus::all_isas) {
        if (!annulus::isa_supported(isa)) continue;
        annulus::ScalarCodes *codes =
            new annulus::ScalarCodes(dimension, metric, {0.05, 0.011, 1}, isa);
        const annulus::CodesRef owner = annulus::CodesRef::adopt(codes);
        if (!codes->rows().reserve(50)) return false;
        codes->encode(vectors.data(), 50, 0);
        codes->rows().publish(50);
        std::vector<float> seen(51 * dimension + 50);
        for (uint32_t slot = 0; slot < 50; ++slot) codes->decode(slot, &seen[slot * dimension]);
        annulus::AlignedVector<uint8_t> query(codes->query_bytes());
        codes->prepare(vectors.data(), query.data());
        std::vector<uint32_t> slots(50);
        for (uint32_t slot = 0; slot < 50; ++slot) slots[slot] = slot;
        codes->query_distances(query.data(), slots.data(), 50, &seen[50 * dimension]);
        results.push_back(std::move(seen));
        if (results.back() != results.front()) return false;
      }
    }
  }
  return true;
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
  if (!encoders_agree(random)) {
    std::printf("not ok: codes differ between instruction sets\n");
    return 1;
  }
  std::printf("ok: %zu comparisons, and equal codes\n", checks);
  return 0;
}
