#include "select.h"

#include <algorithm>

namespace annulus::hnsw {

namespace {

// Pair distances come in small batches: large enough to hide the call, small enough that a
// candidate which falls early costs little.
constexpr uint32_t kBatch = 8;

bool nearer_to_chosen(const annulus_scorer &scorer, Entry candidate,
                      const std::vector<uint32_t> &chosen, size_t from) {
  float distances[kBatch];
  const float to_base = distance_of(candidate);
  for (size_t at = from; at < chosen.size(); at += kBatch) {
    const size_t n = std::min<size_t>(kBatch, chosen.size() - at);
    scorer.pair_distances(scorer.self, slot_of(candidate), chosen.data() + at, n, distances);
    for (size_t i = 0; i < n; ++i) {
      if (distances[i] < to_base) return true;
    }
  }
  return false;
}

}  // namespace

void select_diverse(const Graph &graph, const std::vector<Entry> &candidates, uint32_t limit,
                    std::vector<uint32_t> &chosen) {
  const size_t first = chosen.size();
  for (const Entry candidate : candidates) {
    if (chosen.size() - first == limit) break;
    if (nearer_to_chosen(graph.scorer(), candidate, chosen, first)) continue;
    chosen.push_back(slot_of(candidate));
  }
}

}  // namespace annulus::hnsw
