#include "filters.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <random>

#include "../scan.h"
#include "../search.h"

namespace annulus::hnsw::bench {

namespace {

constexpr uint32_t kQueries = 50;
constexpr uint32_t kK = 10;

double cpu_us() { return 1e6 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// Which nodes are admitted: any, or those on the far or the near side of the query.
enum class Kind { random, farthest, nearest };
constexpr const char *kNames[] = {"random  ", "farthest", "nearest "};

struct Query {
  std::vector<uint32_t> allowed;
  std::vector<uint32_t> truth;
};

Query make_query(const Graph &graph, const DataSet &set, uint32_t q, double share, Kind kind) {
  const annulus_scorer &scorer = graph.scorer();
  ScratchLease scratch(graph.scratches);
  scorer.query_prepare(scorer.self, set.query(q), (*scratch).query.data());
  std::vector<Entry> ranked(set.count());
  for (uint32_t slot = 0; slot < set.count(); ++slot) {
    float distance;
    scorer.query_distances(scorer.self, (*scratch).query.data(), &slot, 1, &distance);
    ranked[slot] = make_entry(distance, slot);
  }
  std::sort(ranked.begin(), ranked.end());
  std::mt19937 random(q + 1);
  Query query;
  query.allowed.assign((set.count() + 31) / 32, 0);
  for (size_t i = 0; i < ranked.size(); ++i) {
    const double place = static_cast<double>(i) / static_cast<double>(ranked.size());
    const bool in = kind == Kind::random     ? std::uniform_real_distribution<>()(random) < share
                    : kind == Kind::farthest ? place >= 1 - share
                                             : place < share;
    if (!in) continue;
    const uint32_t slot = slot_of(ranked[i]);
    query.allowed[slot / 32] |= 1u << (slot % 32);
    if (query.truth.size() < kK) query.truth.push_back(slot);
  }
  return query;
}

std::vector<uint32_t> answer(const Graph &graph, const float *vector, const Query &query,
                             uint32_t ef, const char *how) {
  std::vector<uint32_t> slots(kK);
  if (*how == 'c') {
    std::vector<float> distances(kK);
    annulus_candidate_request request{};
    request.query = vector;
    request.k = kK;
    request.ef = ef;
    request.allowed = query.allowed.data();
    request.allowed_bits = 32 * query.allowed.size();
    request.slots = slots.data();
    request.distances = distances.data();
    search(graph, request);
    slots.resize(request.found);
    return slots;
  }
  const annulus_scorer &scorer = graph.scorer();
  ScratchLease lease(graph.scratches);
  Scratch &scratch = *lease;
  scorer.query_prepare(scorer.self, vector, scratch.query.data());
  Admission admission;
  admission.allowed = query.allowed.data();
  admission.allowed_bits = 32 * query.allowed.size();
  if (*how == 's') {
    scan_admitted(graph, scratch, admission, 0, kK, nullptr, {});
  } else {
    Walk walk(graph, scratch, nullptr);
    walk.start(graph.entry(), ef);
    walk.descend(graph.entry().level, 1);
    walk.begin_admitted(admission, ef);
    *how == 'p' ? walk.widen_admitted(admission) : walk.widen_two_hops(admission);
  }
  slots.resize(std::min(kK, scratch.results.size()));
  for (size_t i = 0; i < slots.size(); ++i) slots[i] = slot_of(scratch.results[i]);
  return slots;
}

}  // namespace

void measure_filters(const Graph &graph, const DataSet &set, uint32_t ef) {
  const uint32_t queries = std::min(kQueries, set.query_count());
  for (const Kind kind : {Kind::random, Kind::farthest, Kind::nearest}) {
    for (const double share : {0.001, 0.01, 0.03, 0.1, 0.3, 0.5, 0.8}) {
      std::vector<Query> made;
      for (uint32_t q = 0; q < queries; ++q) made.push_back(make_query(graph, set, q, share, kind));
      std::printf("%s %5.1f %%:", kNames[static_cast<int>(kind)], 100 * share);
      for (const char *how : {"scan", "plain", "two hops", "chosen"}) {
        uint64_t hits = 0, wanted = 0;
        const double start = cpu_us();
        for (uint32_t q = 0; q < queries; ++q) {
          const std::vector<uint32_t> found = answer(graph, set.query(q), made[q], ef, how);
          wanted += made[q].truth.size();
          for (const uint32_t slot : made[q].truth) {
            hits += static_cast<uint64_t>(std::count(found.begin(), found.end(), slot));
          }
        }
        std::printf("  %s %.3f %7.1f us", how, static_cast<double>(hits) / wanted,
                    (cpu_us() - start) / queries);
      }
      std::printf("\n");
    }
  }
}

}  // namespace annulus::hnsw::bench
