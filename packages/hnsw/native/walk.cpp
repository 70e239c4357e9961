#include "walk.h"

#include <algorithm>
#include <functional>

namespace annulus::hnsw {

namespace {
// Nodes followed on each level above 0. Following the nearest alone, as the paper does, ends in a
// local minimum too often: small clusters far from all else were not found at any usual beam width.
constexpr uint32_t kDescentWidth = 4;
}  // namespace

void Walk::start(EntryPoint entry, uint32_t width, uint32_t skipped) {
  scratch_.visited.reset(graph_.nodes.reserved());
  scratch_.beam.reset(width);
  scratch_.visited.add(entry.slot);
  if (skipped != kNone) scratch_.visited.add_known(skipped);
  float distance;
  scorer_.query_distances(scorer_.self, scratch_.query.data(), &entry.slot, 1, &distance);
  const Entry first = make_entry(distance, entry.slot);
  if (first < kWorstEntry) scratch_.beam.insert(first);
}

// Scores the neighbours not seen before into `scratch.slots` and `scratch.distances`; returns how
// many. `next` is the node likely expanded afterwards: its links travel while the scorer works.
uint32_t Walk::score_neighbours(uint32_t slot, uint32_t level, uint32_t next) {
  const NodeStore &nodes = graph_.nodes;
  uint32_t *slots = scratch_.slots.data();
  const uint32_t n =
      scratch_.visited.add_list(nodes.links(slot, level), graph_.params.capacity(level), slots);
  if (level == 0 && next != kNone) nodes.prefetch_links(next);
  if (n == 0) return 0;
  if (scorer_.prefetch != nullptr) scorer_.prefetch(scorer_.self, slots, n);
  scorer_.query_distances(scorer_.self, scratch_.query.data(), slots, n, scratch_.distances.data());
  return n;
}

// Takes what was scored into the beam.
void Walk::take_in(uint32_t n) {
  const Entry bound = scratch_.beam.bound();
  uint32_t near = 0;
  for (uint32_t i = 0; i < n; ++i) {
    const Entry found = make_entry(scratch_.distances[i], scratch_.slots[i]);
    scratch_.found[near] = found;
    near += found < bound ? 1 : 0;  // which are is unpredictable: no branch
  }
  scratch_.beam.merge(scratch_.found.data(), near);
}

bool Walk::descend(uint32_t from, uint32_t to) {
  for (uint32_t level = from; level >= to; --level) {
    if (!widen(level, kDescentWidth)) return false;
  }
  return true;
}

bool Walk::widen(uint32_t level, uint32_t among) {
  Beam &beam = scratch_.beam;
  beam.unmark();
  for (Entry entry = beam.take(among); entry != kWorstEntry; entry = beam.take(among)) {
    if (aborted()) return false;
    const Entry next = beam.peek();
    take_in(score_neighbours(slot_of(entry), level, next == kWorstEntry ? kNone : slot_of(next)));
  }
  return true;
}

void Walk::begin_admitted(const Admission &admission, uint32_t width) {
  Beam &results = scratch_.results;
  std::vector<Entry> &frontier = scratch_.frontier;
  results.reset(width);
  frontier.clear();
  near_ = hits_ = 0;
  for (uint32_t i = 0; i < scratch_.beam.size(); ++i) {
    const Entry entry = scratch_.beam[i] & ~kExpanded;
    frontier.push_back(entry);  // sorted upwards, which is a heap
    if (entry < results.bound() && admission.admits(graph_.nodes, slot_of(entry))) {
      results.insert(entry);
    }
  }
}

bool Walk::widen_admitted(const Admission &admission, uint32_t turns) {
  const NodeStore &nodes = graph_.nodes;
  Beam &results = scratch_.results;
  std::vector<Entry> &frontier = scratch_.frontier;
  const std::greater<Entry> farther;
  for (; turns > 0 && !frontier.empty() && frontier.front() <= results.bound(); --turns) {
    if (aborted()) return false;
    const uint32_t slot = slot_of(frontier.front());
    std::pop_heap(frontier.begin(), frontier.end(), farther);
    frontier.pop_back();
    const uint32_t n =
        score_neighbours(slot, 0, frontier.empty() ? kNone : slot_of(frontier.front()));
    for (uint32_t i = 0; i < n; ++i) {
      const Entry found = make_entry(scratch_.distances[i], scratch_.slots[i]);
      if (found >= results.bound()) continue;
      ++near_;
      frontier.push_back(found);
      std::push_heap(frontier.begin(), frontier.end(), farther);
      if (!admission.admits(nodes, slot_of(found))) continue;
      ++hits_;
      results.insert(found);
    }
  }
  return true;
}

}  // namespace annulus::hnsw
