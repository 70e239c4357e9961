// Nanoseconds of an estimate for every kind of code, in order and at random slots as a graph asks
// for them, against the bandwidth of memory in the same run; and what encoding and a query cost:
//   make -C packages/quantization/native/test bench
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <annulus/aligned.h>

#include "../binary_codes.h"
#include "../flat_codes.h"
#include "../product_codes.h"
#include "../rotated_codes.h"
#include "../scalar_codes.h"
#include "../test/arrival.h"
#include "../test/small_pool.h"
#include "../training.h"

using namespace annulus;

namespace {

constexpr uint32_t dimension = 768;
constexpr size_t slots_min = 200000;
// Far more than the caches hold, whatever the kind.
constexpr size_t code_bytes_min = size_t{128} << 20;
constexpr size_t vectors_made = 2048;

volatile float sink;

template <typename Body>
double nanoseconds(Body body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
}

// The least of several runs: what else the machine does only ever adds.
template <typename Body>
double least_of(int runs, Body body) {
  double least = 1e18;
  for (int run = 0; run < runs; ++run) least = std::min(least, nanoseconds(body));
  return least;
}

std::vector<float> random_vectors() {
  std::mt19937 random(1);
  std::vector<float> vectors(vectors_made * dimension);
  for (float &value : vectors) value = static_cast<float>(random() % 4001) / 1000 - 2;
  return vectors;
}

// Bytes a nanosecond that one thread reads in order.
double memory_bandwidth() {
  constexpr size_t words = size_t{32} << 20;
  AlignedVector<uint64_t> memory(words);
  for (size_t i = 0; i < words; ++i) memory[i] = i;
  const double time = least_of(5, [&] {
    uint64_t sums[32] = {};
    for (size_t i = 0; i < words; i += 32) {
      for (size_t k = 0; k < 32; ++k) sums[k] += memory[i + k];
    }
    uint64_t sum = 0;
    for (const uint64_t part : sums) sum += part;
    sink = static_cast<float>(sum);
  });
  return 8.0 * words / time;
}

double distances_ns(const Codes &codes, const void *query, const std::vector<uint32_t> &slots,
                    size_t batch, bool pairs) {
  std::vector<float> out(batch);
  return least_of(5,
                  [&] {
                    for (size_t i = 0; i + batch <= slots.size(); i += batch) {
                      if (pairs) {
                        codes.pair_distances(slots[i], &slots[i], batch, out.data());
                      } else {
                        codes.query_distances(query, &slots[i], batch, out.data());
                      }
                      sink = out[0];
                    }
                  }) /
         static_cast<double>(slots.size() / batch * batch);
}

struct Kind {
  std::string name;
  std::function<std::unique_ptr<Training>(const TrainingInput &)> training;
};

CodesRef train(const Kind &kind, const std::vector<float> &vectors) {
  SmallPool workers(std::max(1u, std::thread::hardware_concurrency()));
  const Held<annulus_pool> pool(workers.table());
  TrainingInput input;
  input.sample = vectors.data();
  input.n = vectors_made;
  input.dimension = dimension;
  input.metric = ANNULUS_METRIC_EUCLIDEAN;
  const auto training = kind.training(input);
  Arrival<TrainingResult> arrival;
  training->start(pool, nullptr, [&](TrainingResult result) { arrival.set(std::move(result)); });
  return arrival.wait().codes;
}

void measure(const Kind &kind, const std::vector<float> &vectors, double bandwidth) {
  const CodesRef codes = train(kind, vectors);
  const size_t stride = codes->rows().layout().stride;
  const size_t count = std::max(slots_min, code_bytes_min / stride);
  if (!codes->rows().reserve(count)) std::abort();
  const double encode =
      nanoseconds([&] { codes->encode(vectors.data(), vectors_made, 0); }) / vectors_made;
  // Time does not depend on what the other rows hold.
  for (uint32_t slot = vectors_made; slot < count; ++slot) {
    std::memcpy(codes->rows().row(slot), codes->rows().row(slot % vectors_made), stride);
  }
  codes->rows().publish(count);
  AlignedVector<uint8_t> query(codes->query_bytes());
  constexpr int queries = 50;
  const double prepare = least_of(3,
                                  [&] {
                                    for (int i = 0; i < queries; ++i) {
                                      codes->prepare(&vectors[i * dimension], query.data());
                                    }
                                  }) /
                         queries;
  std::mt19937 random(5);
  std::vector<uint32_t> in_order(std::min<size_t>(count, 1 << 18)), scattered(1 << 16);
  for (uint32_t i = 0; i < in_order.size(); ++i) in_order[i] = i;
  for (uint32_t &slot : scattered) slot = random() % static_cast<uint32_t>(count);
  const double scan = distances_ns(*codes, query.data(), in_order, 256, false);
  const double graph = distances_ns(*codes, query.data(), scattered, 32, false);
  const double few = distances_ns(*codes, query.data(), scattered, 8, false);
  const double pairs = distances_ns(*codes, query.data(), scattered, 32, true);
  const double bytes = codes->rows().layout().code_bytes;
  std::printf(
      "| %s | %.0f | %.2f | %.2f | %.1f | %.1f | %.0f %% | %.1f | %.1f | %.0f %% | %.1f | %.1f |\n",
      kind.name.c_str(), bytes, encode / 1000, prepare / 1000, scan, bytes / scan,
      100 * bytes / scan / bandwidth, graph, bytes / graph, 100 * bytes / graph / bandwidth, few,
      pairs);
  std::fflush(stdout);
}

std::vector<Kind> all_kinds() {
  std::vector<Kind> kinds = {
      {"none", [](const TrainingInput &input) { return new_flat_training(input); }},
      {"scalar", [](const TrainingInput &input) { return new_scalar_training(input, 0.999); }},
  };
  for (const uint32_t bits : {8, 4, 2, 1}) {
    kinds.push_back({"rotated" + std::to_string(bits), [bits](const TrainingInput &input) {
                       return new_rotated_training(input, bits, 1);
                     }});
  }
  kinds.push_back(
      {"binary", [](const TrainingInput &input) { return new_binary_training(input); }});
  for (const uint32_t compression : {4, 8, 16, 32, 64}) {
    kinds.push_back(
        {"product" + std::to_string(compression), [compression](const TrainingInput &input) {
           return new_product_training(input, compression, 1);
         }});
  }
  return kinds;
}

}  // namespace

int main() {
  const std::vector<float> vectors = random_vectors();
  const double bandwidth = memory_bandwidth();
  std::printf("%u components, euclidean, one thread, kernels %s, memory %.1f GB/s\n\n", dimension,
              isa_name(active_isa()), bandwidth);
  std::printf(
      "| kind | bytes | encode, us | query, us | scan, ns | GB/s | of memory | random by 32, ns | "
      "GB/s | of memory | random by 8, ns | pairs by 32, ns |\n"
      "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
  for (const Kind &kind : all_kinds()) measure(kind, vectors, bandwidth);
  return 0;
}
