// Searches while vectors are appended, saved and loaded; run it under the thread and address
// sanitizers. Distances of published slots must be those of the finished codes.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "../encoding.h"
#include "../scan.h"
#include "../snapshot.h"
#include "../training.h"
#include "arrival.h"
#include "check.h"
#include "small_pool.h"

using namespace annulus;

namespace {

constexpr uint32_t dimension = 100;
constexpr size_t count = 6000;

std::vector<float> random_vectors(size_t n) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> vectors(n * dimension);
  for (float &value : vectors) value = normal(random);
  return vectors;
}

std::unique_ptr<Training> training_of(CodeKind kind, const TrainingInput &input) {
  if (kind == CodeKind::none) return new_flat_training(input);
  if (kind == CodeKind::binary) return new_binary_training(input);
  if (kind == CodeKind::rotated) return new_rotated_training(input, 4, 1);
  if (kind == CodeKind::product) return new_product_training(input, 32, 1);
  return new_scalar_training(input, 0.999);
}

CodesRef train(const std::vector<float> &vectors, uint32_t metric, const Held<annulus_pool> &pool,
               CodeKind kind = CodeKind::scalar) {
  TrainingInput input;
  input.sample = vectors.data();
  input.n = vectors.size() / dimension;
  input.dimension = dimension;
  input.metric = metric;
  const auto training = training_of(kind, input);
  Arrival<TrainingResult> arrival;
  training->start(pool, nullptr, [&](TrainingResult result) { arrival.set(std::move(result)); });
  TrainingResult result = arrival.wait();
  check(result.status == ANNULUS_OK, "training");
  return result.codes;
}

int32_t encode(const CodesRef &codes, const Held<annulus_pool> &pool, const float *vectors,
               size_t n, uint64_t first, const int32_t *abort = nullptr) {
  Arrival<EncodingResult> arrival;
  encode_vectors(codes, pool, vectors, n, {first, {}}, abort,
                 [&](EncodingResult result) { arrival.set(result); });
  return arrival.wait().status;
}

std::vector<float> all_distances(const Codes &codes, const float *query) {
  AlignedVector<uint8_t> prepared(codes.query_bytes());
  codes.prepare(query, prepared.data());
  std::vector<uint32_t> slots(codes.rows().slots());
  for (size_t i = 0; i < slots.size(); ++i) slots[i] = static_cast<uint32_t>(i);
  std::vector<float> distances(slots.size());
  codes.query_distances(prepared.data(), slots.data(), slots.size(), distances.data());
  return distances;
}

// What a reader sees must be a prefix of the finished distances.
void search_while_appending(const std::vector<float> &vectors, uint32_t metric, CodeKind kind) {
  SmallPool workers(3);
  const Held<annulus_pool> pool(workers.table());
  const CodesRef reference = train(vectors, metric, pool, kind);
  check(encode(reference, pool, vectors.data(), count, 0) == ANNULUS_OK, "encoding at once");
  const std::vector<float> expected = all_distances(*reference, vectors.data());

  const CodesRef codes = train(vectors, metric, pool, kind);
  std::atomic<bool> finished{false};
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&, reader] {
      annulus_scorer scorer = codes->scorer();
      AlignedVector<uint8_t> pair_query(scorer.query_bytes);
      while (!finished.load()) {
        const std::vector<float> seen = all_distances(*codes, vectors.data());
        check(std::equal(seen.begin(), seen.end(), expected.begin()),
              "a published slot has another distance than at the end");
        if (seen.empty()) continue;
        const auto last = static_cast<uint32_t>(seen.size() - 1);
        float distance = 0;
        scorer.pair_distances(scorer.self, last, &last, 1, &distance);
        scorer.query_from_slot(scorer.self, last, pair_query.data());
        std::vector<Neighbour> found;
        const int32_t status = scan(*codes, reader == 0 ? pool : Held<annulus_pool>(),
                                    vectors.data(), 10, {}, nullptr, found, nullptr);
        check(status == ANNULUS_OK, "scan while appending");
        for (const Neighbour &neighbour : found) {
          check(neighbour.distance == expected[neighbour.slot], "scan gave another distance");
        }
      }
    });
  }
  std::mt19937 random(11);
  for (size_t first = 0; first < count;) {
    const size_t n = std::min<size_t>(1 + random() % 700, count - first);
    check(encode(codes, pool, vectors.data() + first * dimension, n, first) == ANNULUS_OK,
          "appending");
    first += n;
  }
  finished.store(true);
  for (std::thread &reader : readers) reader.join();
}

void save_and_load(const std::vector<float> &vectors, const std::string &path, CodeKind kind) {
  SmallPool workers(2);
  const Held<annulus_pool> pool(workers.table());
  const CodesRef codes = train(vectors, ANNULUS_METRIC_EUCLIDEAN, pool, kind);
  check(encode(codes, pool, vectors.data(), count, 0) == ANNULUS_OK, "encoding");
  Arrival<FileStatus> saved;
  save_codes(codes, pool, path, nullptr, [&](FileStatus status) { saved.set(status); });
  const FileStatus status = saved.wait();
  check(status.ok(), status.message.c_str());
  CodesRef loaded;
  check(load_codes(path, nullptr, loaded).ok(), "loading");
  check(all_distances(*loaded, vectors.data()) == all_distances(*codes, vectors.data()),
        "loaded codes give other distances");
  std::remove(path.c_str());
}

// What the scorer says of rows all over the place: distances to a query, to a row, and to a row
// that is the query, and bounds.
std::vector<float> scored(const CodesRef &codes, const std::vector<float> &vectors) {
  const annulus_scorer scorer = codes->scorer();
  AlignedVector<uint8_t> query(scorer.query_bytes);
  std::vector<uint32_t> slots(150);
  std::vector<float> distances(3 * slots.size());
  for (size_t i = 0; i < slots.size(); ++i) {
    slots[i] = static_cast<uint32_t>(i * 2654435761u % count);
  }
  scorer.query_prepare(scorer.self, vectors.data(), query.data());
  scorer.query_distances(scorer.self, query.data(), slots.data(), slots.size(), distances.data());
  std::vector<annulus_bound> bounds(slots.size());
  if (scorer.query_bounds != nullptr) {
    scorer.query_bounds(scorer.self, query.data(), slots.data(), distances.data(), slots.size(),
                        bounds.data());
  }
  scorer.pair_distances(scorer.self, slots[0], slots.data(), slots.size(),
                        distances.data() + slots.size());
  scorer.query_from_slot(scorer.self, slots[1], query.data());
  scorer.query_distances(scorer.self, query.data(), slots.data(), slots.size(),
                         distances.data() + 2 * slots.size());
  for (const annulus_bound &bound : bounds) {
    distances.push_back(bound.below);
    distances.push_back(bound.above);
  }
  return distances;
}

void searched_while_rows_arrive(const std::vector<float> &vectors, const std::string &path,
                                CodeKind kind) {
  SmallPool workers(2);
  const Held<annulus_pool> pool(workers.table());
  const CodesRef codes = train(vectors, ANNULUS_METRIC_EUCLIDEAN, pool, kind);
  check(encode(codes, pool, vectors.data(), count, 0) == ANNULUS_OK, "encoding");
  Arrival<FileStatus> saved;
  save_codes(codes, pool, path, nullptr, [&](FileStatus status) { saved.set(status); });
  check(saved.wait().ok(), "saving");
  const std::vector<float> expected = scored(codes, vectors);
  CodesRef arriving;
  check(load_codes(path, nullptr, arriving, 0).ok(), "opening");
  check(!arriving->has_all_rows(), "rows are left for later");
  check(scored(arriving, vectors) == expected, "distances before rows arrive");
  std::atomic<bool> finished{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      bool last = false;
      do {
        last = finished.load();
        check(scored(arriving, vectors) == expected, "distances while rows arrive");
      } while (!last);
    });
  }
  check(load_rows(arriving, nullptr).ok(), "loading rows");
  check(arriving->has_all_rows(), "all rows have arrived");
  finished.store(true);
  for (std::thread &reader : readers) reader.join();
  check(all_distances(*arriving, vectors.data()) == all_distances(*codes, vectors.data()),
        "arrived codes give other distances");
  std::remove(path.c_str());
}

void stops_and_refuses(std::vector<float> vectors) {
  SmallPool workers(2);
  const Held<annulus_pool> pool(workers.table());
  const CodesRef codes = train(vectors, ANNULUS_METRIC_DOT, pool);
  const int32_t raised = 1;
  check(encode(codes, pool, vectors.data(), count, 0, &raised) == ANNULUS_ABORTED, "abort");
  vectors[12345] = INFINITY;
  check(encode(codes, pool, vectors.data(), count, 0) == ANNULUS_OUT_OF_RANGE, "infinity");
  check(codes->rows().slots() == 0, "nothing may be published then");
}

// A closed pool runs jobs inside submit: long runs must not recurse, and must still end.
void runs_on_a_closed_pool(const std::vector<float> &vectors) {
  SmallPool workers(2);
  const Held<annulus_pool> pool(workers.table());
  workers.close();
  const CodesRef codes = train(vectors, ANNULUS_METRIC_COSINE, pool);
  for (int round = 0; round < 20; ++round) {
    check(encode(codes, pool, vectors.data(), count, 0) == ANNULUS_OK, "encoding when closed");
  }
  std::atomic<size_t> parts{0};
  run_background(
      pool, 1000000, 2, nullptr, [&](size_t, size_t) { ++parts; }, [](RunEnd) {});
  check(parts.load() == 1000000, "a long run on a closed pool");
}

}  // namespace

int main(int argc, char **argv) {
  const std::string folder = argc > 1 ? argv[1] : ".";
  const std::vector<float> vectors = random_vectors(count);
  for (uint32_t metric = 0; metric <= ANNULUS_METRIC_MANHATTAN; ++metric) {
    search_while_appending(vectors, metric, CodeKind::scalar);
  }
  for (const CodeKind kind : {CodeKind::none, CodeKind::binary, CodeKind::rotated}) {
    search_while_appending(vectors, ANNULUS_METRIC_COSINE, kind);
  }
  search_while_appending(vectors, ANNULUS_METRIC_MANHATTAN, CodeKind::product);
  for (const CodeKind kind :
       {CodeKind::none, CodeKind::scalar, CodeKind::product, CodeKind::binary, CodeKind::rotated}) {
    save_and_load(vectors, folder + "/concurrency_test.codes", kind);
    searched_while_rows_arrive(vectors, folder + "/concurrency_test.codes", kind);
  }
  stops_and_refuses(vectors);
  runs_on_a_closed_pool(vectors);
  std::printf("ok: concurrency\n");
  return 0;
}
