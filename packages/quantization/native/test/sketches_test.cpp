// Scans that make and use sketches while slots that they do not look at are encoded anew and
// appended; run it under the thread and address sanitizers. They must find what a scan without
// sketches finds.
#include <annulus/bitmap.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "../encoding.h"
#include "../scalar_codes.h"
#include "../scan.h"
#include "arrival.h"
#include "check.h"
#include "small_pool.h"

using namespace annulus;

namespace {

constexpr uint32_t dimension = 512;
constexpr size_t count = 6000;
constexpr size_t k = 20;

// In clusters, as sketches tell nothing apart where all are equally far.
std::vector<float> clustered_vectors(size_t n, uint32_t seed) {
  std::normal_distribution<float> normal;
  std::vector<float> centres(40 * dimension);
  std::mt19937 of_centres(99);
  for (float &value : centres) value = normal(of_centres);
  std::mt19937 random(seed);
  std::vector<float> vectors(n * dimension);
  for (size_t v = 0; v < n; ++v) {
    const float *centre = &centres[random() % 40 * dimension];
    for (size_t i = 0; i < dimension; ++i) {
      vectors[v * dimension + i] = centre[i] + 0.5f * normal(random);
    }
  }
  return vectors;
}

std::vector<uint32_t> found_by(Codes &codes, const Held<annulus_pool> &pool, const float *query,
                               const std::vector<uint32_t> &allowed, bool sketched) {
  ScanRange range;
  range.allowed = allowed.data();
  range.allowed_bits = 32 * allowed.size();
  range.sketched = sketched;
  std::vector<Neighbour> found;
  check(scan(codes, pool, query, k, range, nullptr, found, nullptr) == ANNULUS_OK, "scan");
  std::vector<uint32_t> slots;
  for (const Neighbour &neighbour : found) slots.push_back(neighbour.slot);
  return slots;
}

void encode(const CodesRef &codes, const Held<annulus_pool> &pool,
            const std::vector<float> &vectors, EncodingSlots slots) {
  Arrival<EncodingResult> arrival;
  encode_vectors(codes, pool, vectors.data(), vectors.size() / dimension, std::move(slots), nullptr,
                 [&](EncodingResult result) { arrival.set(result); });
  check(arrival.wait().status == ANNULUS_OK, "encoding");
}

CodesRef new_codes(uint32_t metric) {
  const double width = metric == ANNULUS_METRIC_COSINE ? 0.4 : 8;
  return CodesRef::adopt(new ScalarCodes(dimension, metric, ScalarRange{0, width / 255, 1}));
}

void scan_while_encoding(uint32_t metric) {
  SmallPool workers(2);
  const Held<annulus_pool> pool(workers.table());
  const CodesRef codes = new_codes(metric);
  check(codes->has_sketches(), "such codes have sketches");
  encode(codes, pool, clustered_vectors(count, 1), EncodingSlots{0, {}});
  const std::vector<float> queries = clustered_vectors(8, 2);
  std::vector<uint32_t> even(2 * count / 32 + 1, 0x55555555u);
  std::vector<uint32_t> all(even.size(), ~0u);
  even.resize(count / 32);  // those appended are not looked at yet

  std::atomic<bool> finished{false};
  std::vector<std::thread> readers;
  for (size_t reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&, reader] {
      for (size_t round = reader; !finished.load(); ++round) {
        const float *query = &queries[round % 8 * dimension];
        check(found_by(*codes, pool, query, even, true) ==
                  found_by(*codes, Held<annulus_pool>(), query, even, false),
              "what a scan finds while others are encoded");
      }
    });
  }
  std::vector<uint32_t> odd;
  for (uint32_t slot = 1; slot < count; slot += 2) odd.push_back(slot);
  for (uint32_t round = 0; round < 3; ++round) {
    encode(codes, pool, clustered_vectors(odd.size(), 10 + round), EncodingSlots{0, odd});
    encode(codes, pool, clustered_vectors(500, 20 + round), EncodingSlots{count + 500 * round, {}});
  }
  finished.store(true);
  for (std::thread &reader : readers) reader.join();

  // Until all have sketches, then all with other vectors.
  for (uint32_t round = 0; round < 2; ++round) {
    for (int scans = 0; scans < 150; ++scans) {
      const float *query = &queries[static_cast<size_t>(scans % 8) * dimension];
      check(found_by(*codes, pool, query, all, true) == found_by(*codes, pool, query, all, false),
            "what a scan finds of all");
    }
    const uint64_t each = Sketches::bytes_each(dimension);
    // But for the first ones that each scan looks at, before there is a limit.
    check(codes->sketches().bytes() > codes->rows().slots() * each / 100 * 95, "all have sketches");
    encode(codes, pool, clustered_vectors(codes->rows().slots(), 30 + round), EncodingSlots{0, {}});
  }
}

// Distances from which a sketch would let a limit stop it must nearly all be at least that far.
void bounds_hold(uint32_t metric) {
  SmallPool workers(1);
  const Held<annulus_pool> pool(workers.table());
  const CodesRef codes = new_codes(metric);
  encode(codes, pool, clustered_vectors(count, 3), EncodingSlots{0, {}});
  Sketches &sketches = codes->sketches();
  std::vector<uint32_t> slots(count);
  for (uint32_t slot = 0; slot < count; ++slot) slots[slot] = slot;
  check(sketches.begin(slots.data(), 200), "begin");
  const std::vector<float> queries = clustered_vectors(40, 4);
  AlignedVector<uint8_t> sketched(sketches.query_bytes());
  AlignedVector<uint8_t> prepared(codes->prepared_bytes());
  size_t pairs = 0;
  size_t wrong = 0;
  size_t kept = 0;
  for (size_t q = 0; q < 40; ++q) {
    check(sketches.prepare(&queries[q * dimension], sketched.data()), "prepare");
    codes->prepare_query(&queries[q * dimension], prepared.data());
    std::vector<float> distances(count);
    codes->query_distances(prepared.data(), slots.data(), count, distances.data());
    size_t unknown = 1;
    while (unknown > 0) {
      std::vector<uint32_t> some = slots;
      sketches.keep(sketched.data(), some.data(), count, 0, unknown);
    }
    // Each code with its own distance for the limit: it must be kept.
    for (uint32_t slot = 0; slot < count; ++slot) {
      uint32_t one = slot;
      ++pairs;
      if (sketches.keep(sketched.data(), &one, 1, distances[slot], unknown) == 0) ++wrong;
    }
    std::vector<float> sorted = distances;
    std::nth_element(sorted.begin(), sorted.begin() + k, sorted.end());
    std::vector<uint32_t> some = slots;
    kept += sketches.keep(sketched.data(), some.data(), count, sorted[k], unknown);
  }
  std::printf("# metric %u: %zu of %zu bounds wrong, %.1f %% kept\n", metric, wrong, pairs,
              100.0 * static_cast<double>(kept) / static_cast<double>(pairs));
  // Four times what is promised: an unlucky query is wrong about many alike.
  check(static_cast<double>(wrong) <= 4 * ANNULUS_SKETCH_LOSS * static_cast<double>(pairs),
        "bounds of sketches");
  check(4 * kept < pairs, "sketches tell most of them to be far");
}

}  // namespace

int main() {
  for (const uint32_t metric :
       {ANNULUS_METRIC_COSINE, ANNULUS_METRIC_DOT, ANNULUS_METRIC_EUCLIDEAN}) {
    scan_while_encoding(metric);
    bounds_hold(metric);
  }
  std::printf("ok: sketches\n");
  return 0;
}
