// Nanoseconds of one distance and of one checksum, in cache: the figures of the README.
#include <annulus/aligned.h>
#include <annulus/crc32c.h>
#include <annulus/distance.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

using namespace annulus;

namespace {

constexpr size_t vectors = 8;  // stay in the first-level cache
volatile float float_sink;
volatile uint32_t crc_sink;

/// The fastest of many short rounds, which is what an undisturbed core does.
template <typename Call>
double nanoseconds(Call call) {
  double best = 1e9;
  for (int round = 0; round < 50; ++round) {
    const int calls = 4000;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) call(static_cast<size_t>(i) % vectors);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count() / calls);
  }
  return best;
}

}  // namespace

int main() {
  const char *names[] = {"cosine", "dot", "euclidean", "manhattan"};
  for (const size_t n : {384, 768, 1536}) {
    AlignedVector<float> query(n), data(n * vectors);
    for (size_t i = 0; i < n; ++i) query[i] = static_cast<float>(i % 17) - 8;
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(i % 13) - 6;
    for (uint32_t metric = 0; metric <= ANNULUS_METRIC_MANHATTAN; ++metric) {
      std::printf("%4zu %-9s", n, names[metric]);
      for (const Isa isa : {Isa::scalar, Isa::neon, Isa::avx2, Isa::avx512}) {
        if (!isa_supported(isa)) continue;
        const ExactQuery exact(metric, query.data(), n, isa);
        std::printf("  %s %.1f ns", isa_name(isa), nanoseconds([&](size_t i) {
                      float_sink = exact.distance(data.data() + i * n);
                    }));
      }
      std::printf("\n");
    }
    const double took = nanoseconds([&](size_t i) {
      crc_sink = crc32c(static_cast<uint32_t>(i), data.data() + i * n, n * sizeof(float));
    });
    const double bytes = static_cast<double>(n) * sizeof(float);
    std::printf("%4zu crc32c     %s %.1f ns, %.1f GB/s\n", n, isa_name(active_isa()), took,
                bytes / took);
  }
}
