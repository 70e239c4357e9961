#include "select.h"

#include <algorithm>
#include <cmath>

namespace annulus::hnsw {

namespace {

// A query's distance and a pair's are rounded differently; this much difference is none.
constexpr float kRounding = 1e-6f;

// Drops those of `scratch.rivals` that are nearer to a chosen node than to the base node.
void drop_shadowed(const annulus_scorer &scorer, Entry chosen, Scratch &scratch) {
  std::vector<Entry> &rivals = scratch.rivals;
  const size_t n = rivals.size();
  if (n == 0) return;
  uint32_t slots[kSelectBlock];
  float distances[kSelectBlock];
  for (size_t i = 0; i < n; ++i) slots[i] = slot_of(rivals[i]);
  scorer.pair_distances(scorer.self, slot_of(chosen), slots, n, distances);
  size_t left = 0;
  for (size_t i = 0; i < n; ++i) {
    const float to_base = distance_of(rivals[i]);
    const float slack = kRounding * std::fabs(to_base);
    const bool twin = distance_of(chosen) == to_base;
    const bool shadowed = distances[i] < to_base + (twin ? slack : -slack);
    const bool kept = (rivals[i] & kKept) != 0;
    rivals[left] = rivals[i];
    left += kept || !shadowed ? 1 : 0;
  }
  rivals.resize(left);
}

}  // namespace

// A block of candidates at a time is compared with all that were chosen before, each in one batch,
// until none is left: a candidate that fell costs no further distance, and when the list is full at
// most a block was looked at in vain.
void select_diverse(const Graph &graph, Scratch &scratch, uint32_t limit) {
  const annulus_scorer &scorer = graph.scorer();
  const std::vector<Entry> &candidates = scratch.candidates;
  std::vector<Entry> &rivals = scratch.rivals;
  std::vector<Entry> &chosen = scratch.chosen;
  chosen.clear();
  uint32_t free = limit;
  for (size_t from = 0; from < candidates.size(); from += kSelectBlock) {
    const size_t to = std::min(from + kSelectBlock, candidates.size());
    rivals.assign(candidates.begin() + from, candidates.begin() + to);
    for (size_t i = 0; i < chosen.size() && free > 0; ++i)
      drop_shadowed(scorer, chosen[i], scratch);
    while (!rivals.empty()) {
      const Entry next = rivals.front();
      rivals.erase(rivals.begin());
      const bool kept = (next & kKept) != 0;
      if (!kept && free == 0) continue;
      free -= kept ? 0 : 1;
      chosen.push_back(next);
      if (free > 0) drop_shadowed(scorer, next, scratch);
    }
  }
  scratch.words.clear();
  for (const Entry entry : chosen) {
    scratch.words.push_back(make_word(slot_of(entry), (entry & kKept) != 0));
  }
}

}  // namespace annulus::hnsw
