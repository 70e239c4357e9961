#include "builds.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <thread>

#include "../scan.h"
#include "../search.h"

namespace annulus::hnsw::bench {

namespace {

constexpr uint32_t kK = 10;
constexpr uint32_t kSelfEf = 64;
constexpr uint32_t kThreads = 2;

template <typename Work>
void for_each(uint32_t count, const Work &work) {
  const auto some = [&](uint32_t from) {
    for (uint32_t i = from; i < count; i += kThreads) work(i);
  };
  std::thread other(some, 1);
  some(0);
  other.join();
}

// The distance of the last of the nearest nodes of each query: what is as near is a hit.
std::vector<float> exact_limits(const Graph &graph, const DataSet &set) {
  std::vector<float> limits(set.query_count());
  for_each(set.query_count(), [&](uint32_t q) {
    ScratchLease scratch(graph.scratches);
    const annulus_scorer &scorer = graph.scorer();
    scorer.query_prepare(scorer.self, set.query(q), (*scratch).query.data());
    scan_admitted(graph, *scratch, Admission(), 0, kK, nullptr, {});
    limits[q] = distance_of((*scratch).results[kK - 1]);
  });
  return limits;
}

// Distances of what is found; `slots` has room for k.
uint32_t find(const Graph &graph, const float *vector, uint32_t k, uint32_t ef, uint32_t *slots,
              float *distances) {
  annulus_candidate_request request{};
  request.query = vector;
  request.k = k;
  request.ef = ef;
  request.slots = slots;
  request.distances = distances;
  search(graph, request);
  return request.found;
}

std::vector<uint32_t> hits(const Graph &graph, const DataSet &set, const std::vector<float> &limits,
                           uint32_t ef) {
  std::vector<uint32_t> found(set.query_count());
  for_each(set.query_count(), [&](uint32_t q) {
    uint32_t slots[kK];
    float distances[kK];
    const uint32_t n = find(graph, set.query(q), kK, ef, slots, distances);
    found[q] = static_cast<uint32_t>(
        std::count_if(distances, distances + n, [&](float d) { return d <= limits[q]; }));
  });
  return found;
}

// Nodes that are not found by their own vector, nor a copy of them.
uint32_t lost_nodes(const Graph &graph, const DataSet &set) {
  std::vector<uint8_t> lost(set.count());
  for_each(set.count(), [&](uint32_t slot) {
    uint32_t slots[kK];
    float distances[kK], own;
    const uint32_t n = find(graph, set.row(slot), kK, kSelfEf, slots, distances);
    if (std::find(slots, slots + n, slot) != slots + n) return;
    ScratchLease scratch(graph.scratches);
    const annulus_scorer &scorer = graph.scorer();
    scorer.query_prepare(scorer.self, set.row(slot), (*scratch).query.data());
    scorer.query_distances(scorer.self, (*scratch).query.data(), &slot, 1, &own);
    lost[slot] = n == 0 || own < distances[0];
  });
  return static_cast<uint32_t>(std::count(lost.begin(), lost.end(), 1));
}

struct Tally {
  std::vector<uint32_t> hits;         // of each query in each build
  std::map<uint32_t, uint32_t> poor;  // query: builds in which it is below a half
};

void print(uint32_t ef, Tally &tally) {
  std::vector<uint32_t> &all = tally.hits;
  std::sort(all.begin(), all.end());
  uint64_t sum = 0;
  for (const uint32_t n : all) sum += n;
  const auto below = [&](uint32_t n) {
    return static_cast<long>(std::lower_bound(all.begin(), all.end(), n) - all.begin());
  };
  std::printf(
      "ef %4u  recall@10 mean %.5f  p1 %.1f  p0.1 %.1f;  below a half %ld, none %ld of %zu:", ef,
      static_cast<double>(sum) / static_cast<double>(all.size()) / kK, all[all.size() / 100] / 10.0,
      all[all.size() / 1000] / 10.0, below(kK / 2), below(1), all.size());
  std::vector<std::pair<uint32_t, uint32_t>> poor;
  for (const auto &[query, builds] : tally.poor) poor.emplace_back(builds, query);
  std::sort(poor.rbegin(), poor.rend());
  if (poor.size() > 12) poor.resize(12);
  for (const auto &[builds, query] : poor) std::printf(" #%u x%u", query, builds);
  std::printf("\n");
}

}  // namespace

void measure_builds(const Build &build, const DataSet &set, uint32_t builds,
                    const std::vector<uint32_t> &efs) {
  std::vector<Tally> tallies(efs.size());
  std::vector<float> limits;
  double lost = 0;
  for (uint32_t seed = 0; seed < builds; ++seed) {
    const std::shared_ptr<Graph> graph = build(seed);
    if (limits.empty()) limits = exact_limits(*graph, set);
    for (size_t i = 0; i < efs.size(); ++i) {
      const std::vector<uint32_t> found = hits(*graph, set, limits, efs[i]);
      tallies[i].hits.insert(tallies[i].hits.end(), found.begin(), found.end());
      for (uint32_t q = 0; q < found.size(); ++q) {
        if (found[q] < kK / 2) ++tallies[i].poor[q];
      }
    }
    lost += static_cast<double>(lost_nodes(*graph, set)) / set.count() / builds;
  }
  for (size_t i = 0; i < efs.size(); ++i) print(efs[i], tallies[i]);
  std::printf("not found by their own vector (ef %u): %.4f %%\n", kSelfEf, 100 * lost);
}

}  // namespace annulus::hnsw::bench
