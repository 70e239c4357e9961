// Every kernel over bits against the scalar reference, with exact-size allocations so that a
// sanitizer sees a read past the end.
#include "../kernels/sign_kernels.h"

#include <annulus/aligned.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

namespace {

using annulus::SignKernels;

struct Case {
  size_t words;
  std::vector<std::unique_ptr<uint8_t[]>> owned;
  std::vector<const uint8_t *> rows;
  annulus::AlignedVector<uint8_t> magnitudes;
  std::vector<uint64_t> negative;
  annulus::AlignedVector<uint64_t> planes;
};

// `extreme`: nearly all bits and magnitudes as large as can be, where sums could overflow.
Case make_case(size_t words, size_t count, bool extreme, std::mt19937_64 &random) {
  const auto byte = [&] {
    return static_cast<uint8_t>(extreme && random() % 16 != 0 ? 255 : random());
  };
  Case made{words, {}, {}, annulus::AlignedVector<uint8_t>(64 * words), {}, {}};
  for (size_t r = 0; r < count; ++r) {
    made.owned.emplace_back(new uint8_t[8 * words]);
    for (size_t i = 0; i < 8 * words; ++i) made.owned.back()[i] = byte();
    made.rows.push_back(made.owned.back().get());
  }
  for (uint8_t &magnitude : made.magnitudes) magnitude = byte();
  for (size_t w = 0; w < words; ++w) made.negative.push_back(extreme ? 0 : random());
  // Behind the words of a row planes may hold anything: rows have no bits there.
  made.planes.resize(annulus::weight_planes * annulus::weight_plane_words(words));
  for (uint64_t &word : made.planes) word = extreme ? ~uint64_t{0} : random();
  return made;
}

std::vector<int64_t> run(const SignKernels &kernels, const Case &c) {
  const size_t count = c.rows.size();
  std::vector<int64_t> out(count);
  std::vector<uint32_t> differing(count);
  kernels.agreement(c.rows.data(), count, c.magnitudes.data(), c.negative.data(), c.words,
                    out.data());
  kernels.differing(c.rows.data(), count, c.rows[0], c.words, differing.data());
  out.insert(out.end(), differing.begin(), differing.end());
  std::vector<int32_t> weighted(count);
  kernels.weighted(c.rows.data(), count, c.planes.data(), c.words, weighted.data());
  out.insert(out.end(), weighted.begin(), weighted.end());
  return out;
}

// The same sums, bit by bit.
std::vector<int64_t> expected(const Case &c) {
  const auto bit = [](const uint8_t *bytes, size_t i) { return (bytes[i / 8] >> (i % 8)) & 1; };
  std::vector<int64_t> out;
  for (const uint8_t *row : c.rows) {
    int64_t sum = 0;
    for (size_t i = 0; i < 64 * c.words; ++i) {
      const auto negative = static_cast<int>((c.negative[i / 64] >> (i % 64)) & 1);
      if (bit(row, i) != negative) sum += c.magnitudes[i];
    }
    out.push_back(sum);
  }
  for (const uint8_t *row : c.rows) {
    int64_t sum = 0;
    for (size_t i = 0; i < 64 * c.words; ++i) sum += bit(row, i) != bit(c.rows[0], i);
    out.push_back(sum);
  }
  for (const uint8_t *row : c.rows) {
    int64_t sum = 0;
    for (size_t i = 0; i < 64 * c.words; ++i) {
      int weight = 0;
      for (size_t p = 0; p < annulus::weight_planes; ++p) {
        const uint64_t word = c.planes[p * annulus::weight_plane_words(c.words) + i / 64];
        const int value = p + 1 == annulus::weight_planes ? -(1 << p) : 1 << p;
        if (((word >> (i % 64)) & 1) != 0) weight += value;
      }
      if (bit(row, i)) sum += weight;
    }
    out.push_back(sum);
  }
  return out;
}

}  // namespace

int main() {
  std::mt19937_64 random(20240611);
  for (const annulus::Isa isa : annulus::all_isas) {
    if (!annulus::isa_supported(isa)) {
      std::printf("# %s: not on this machine\n", annulus::isa_name(isa));
      continue;
    }
    const SignKernels kernels = annulus::sign_kernels(isa);
    for (const size_t words : {1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 16, 24, 48, 63, 64, 65, 1024}) {
      for (size_t count = 1; count <= 9; ++count) {
        const Case c = make_case(words, count, count % 2 == 0, random);
        if (run(kernels, c) == expected(c)) continue;
        std::printf("not ok: %s is wrong at %zu words\n", annulus::isa_name(isa), words);
        return 1;
      }
    }
    std::printf("# %s: equal\n", annulus::isa_name(isa));
  }
  std::printf("ok\n");
  return 0;
}
