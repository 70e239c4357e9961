// Nanoseconds a distance of scalar and of rotated codes at random slots, as a graph asks for them,
// against what the memory of this machine gives:  make -C packages/quantization/native/test bench
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include <annulus/aligned.h>

#include "../rotated_codes.h"
#include "../scalar_codes.h"

using namespace annulus;

namespace {

volatile float sink;

template <typename Body>
double nanoseconds(Body body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
}

struct Memory {
  double sequential_gb_s;
  double latency_ns;
};

// One thread reading every line in order, and one line at a time at random.
Memory measure_memory(const Codes &codes) {
  const RowView view = codes.rows().view();
  const uint64_t chunk_slots = codes.rows().chunk_slots();
  const uint64_t slots = codes.rows().slots();
  uint64_t sum = 0;
  const double sequential = nanoseconds([&] {
    for (uint64_t first = 0; first < slots; first += chunk_slots) {
      const uint8_t *chunk = view.row(static_cast<uint32_t>(first));
      const uint64_t bytes = std::min(chunk_slots, slots - first) * view.stride;
      for (uint64_t i = 0; i + 64 <= bytes; i += 64) sum += chunk[i];
    }
  });
  constexpr int steps = 200000;
  const double random = nanoseconds([&] {
    uint64_t state = 1;
    for (int i = 0; i < steps; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u +
              *view.row(static_cast<uint32_t>((state >> 20) % slots));
    }
    sum += state;
  });
  sink = static_cast<float>(sum);
  return {static_cast<double>(slots * view.stride) / sequential, random / steps};
}

// The least of several runs: what else the machine does only ever adds.
double distance_ns(const Codes &codes, const void *query, uint32_t range, size_t batch,
                   bool pairs) {
  std::mt19937 random(5);
  std::vector<uint32_t> slots(1 << 17);
  std::vector<float> out(batch);
  double best = 1e9;
  for (int run = 0; run < 7; ++run) {
    for (uint32_t &slot : slots) slot = random() % range;
    const double total = nanoseconds([&] {
      for (size_t i = 0; i + batch <= slots.size(); i += batch) {
        if (pairs) {
          codes.pair_distances(slots[i], &slots[i], batch, out.data());
        } else {
          codes.query_distances(query, &slots[i], batch, out.data());
        }
        sink = out[0];
      }
    });
    best = std::min(best, total / static_cast<double>(slots.size() / batch * batch));
  }
  return best;
}

// The usual way, for comparison: one row after the other, the next one asked for meanwhile.
double row_by_row_ns(const Codes &codes, uint32_t range) {
  const IntKernels kernels = int_kernels();
  const size_t n = codes.dimension();
  AlignedVector<uint8_t> planes(plane_bytes(n));
  kernels.split(std::vector<int16_t>(n, 77).data(), n, planes.data());
  const RowView view = codes.rows().view();
  std::mt19937 random(5);
  std::vector<uint32_t> slots(1 << 16);
  double best = 1e9;
  for (int run = 0; run < 5; ++run) {
    for (uint32_t &slot : slots) slot = random() % range;
    const double total = nanoseconds([&] {
      for (size_t i = 0; i + 1 < slots.size(); ++i) {
        const uint8_t *next = view.row(slots[i + 1]);
        for (size_t line = 0; line < n; line += 64) __builtin_prefetch(next + line, 0, 3);
        const uint8_t *row = view.row(slots[i]);
        int64_t sum;
        kernels.dot(&row, 1, planes.data(), n, &sum);
        sink = static_cast<float>(sum);
      }
    });
    best = std::min(best, total / static_cast<double>(slots.size()));
  }
  return best;
}

Codes *scalar_codes(uint32_t dimension, uint32_t metric) {
  // The vectors below are uniform in [-2, 2], for cosine scaled to norm 1.
  const double step =
      metric == ANNULUS_METRIC_COSINE ? 4 / std::sqrt(dimension * 4 / 3.0) / 255 : 4.0 / 255;
  return new ScalarCodes(dimension, metric, {0, step, 1});
}

Codes *rotated_codes(uint32_t dimension, uint32_t metric, uint32_t bits) {
  RotatedModel model;
  model.dimension = dimension;
  model.metric = metric;
  model.bits = bits;
  model.mean.resize(dimension);
  model.axes.resize(rotated_axes * dimension);
  return new RotatedCodes(std::move(model));
}

void measure(Codes *codes, const char *name, uint64_t count) {
  const CodesRef owner = CodesRef::adopt(codes);
  const uint32_t dimension = codes->dimension();
  std::mt19937 random(1);
  constexpr size_t block = 1000;
  std::vector<float> vectors(block * dimension);
  for (float &value : vectors) value = static_cast<float>(random() % 4001) / 1000 - 2;
  if (!codes->rows().reserve(count)) std::abort();
  double encode = 0;
  for (uint64_t first = 0; first < count; first += block) {
    encode += nanoseconds([&] { codes->encode(vectors.data(), block, first); });
  }
  codes->rows().publish(count);
  AlignedVector<uint8_t> query(codes->query_bytes());
  const double prepare = nanoseconds([&] {
                           for (int i = 0; i < 200; ++i)
                             codes->prepare(vectors.data(), query.data());
                         }) /
                         200;
  const Memory memory = measure_memory(*codes);
  std::printf(
      "%-9s %7llu x %u: encode %.0f ns, prepare %.0f ns, memory %.1f GB/s, latency %.0f ns\n", name,
      static_cast<unsigned long long>(count), dimension, encode / static_cast<double>(count),
      prepare, memory.sequential_gb_s, memory.latency_ns);
  if (codes->kind() == CodeKind::scalar) {
    std::printf("  row by row: %.1f ns random\n",
                row_by_row_ns(*codes, static_cast<uint32_t>(count)));
  }
  const double row_bytes = codes->rows().layout().code_bytes;
  for (const size_t batch : {8, 16, 32, 64, 256}) {
    const double far =
        distance_ns(*codes, query.data(), static_cast<uint32_t>(count), batch, false);
    const double near = distance_ns(*codes, query.data(), 200, batch, false);
    const double pair =
        distance_ns(*codes, query.data(), static_cast<uint32_t>(count), batch, true);
    std::printf(
        "  batch %3zu: %6.1f ns random (%.1f GB/s, %.0f %% of sequential), %5.1f in cache; "
        "pairs %6.1f random\n",
        batch, far, row_bytes / far, 100 * row_bytes / far / memory.sequential_gb_s, near, pair);
  }
}

}  // namespace

int main() {
  std::printf("kernels: %s\n", isa_name(active_isa()));
  for (const uint64_t count : {100000, 1000000}) {
    measure(scalar_codes(768, ANNULUS_METRIC_COSINE), "cosine", count);
  }
  measure(scalar_codes(768, ANNULUS_METRIC_EUCLIDEAN), "euclidean", 100000);
  measure(scalar_codes(784, ANNULUS_METRIC_EUCLIDEAN), "euclidean", 100000);
  measure(scalar_codes(768, ANNULUS_METRIC_MANHATTAN), "manhattan", 100000);
  for (const uint32_t bits : {1, 2, 4, 8}) {
    std::printf("rotated, %u bits\n", bits);
    measure(rotated_codes(768, ANNULUS_METRIC_COSINE, bits), "cosine", 1000000);
  }
  return 0;
}
