#include "select.h"

#include <algorithm>
#include <cmath>

namespace annulus::hnsw {

namespace {

// Pair distances come in small batches: large enough to hide the call, small enough that a
// candidate which falls early costs little.
constexpr uint32_t kBatch = 8;

// A query's distance and a pair's are rounded differently; this much difference is none.
constexpr float kRounding = 1e-6f;

bool shadowed(const annulus_scorer &scorer, Entry candidate, const Scratch &scratch) {
  const std::vector<uint32_t> &chosen = scratch.chosen;
  const float to_base = distance_of(candidate);
  const float slack = kRounding * std::fabs(to_base);
  float distances[kBatch];
  for (size_t at = 0; at < chosen.size(); at += kBatch) {
    const size_t n = std::min<size_t>(kBatch, chosen.size() - at);
    scorer.pair_distances(scorer.self, slot_of(candidate), chosen.data() + at, n, distances);
    for (size_t i = 0; i < n; ++i) {
      const bool twin = scratch.chosen_distances[at + i] == to_base;
      if (distances[i] < to_base + (twin ? slack : -slack)) return true;
    }
  }
  return false;
}

}  // namespace

void select_diverse(const Graph &graph, Scratch &scratch, uint32_t limit) {
  scratch.chosen.clear();
  scratch.chosen_distances.clear();
  scratch.words.clear();
  uint32_t free = limit;
  for (const Entry candidate : scratch.candidates) {
    const bool kept = (candidate & kKept) != 0;
    if (!kept && (free == 0 || shadowed(graph.scorer(), candidate, scratch))) continue;
    free -= kept ? 0 : 1;
    scratch.chosen.push_back(slot_of(candidate));
    scratch.chosen_distances.push_back(distance_of(candidate));
    scratch.words.push_back(make_word(slot_of(candidate), kept));
  }
}

}  // namespace annulus::hnsw
