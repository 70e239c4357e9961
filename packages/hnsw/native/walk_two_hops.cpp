#include <algorithm>
#include <functional>

#include "walk.h"

namespace annulus::hnsw {

namespace {
// Admitted nodes from all over the graph where such a walk begins besides where the upper levels
// led: the admitted may lie far from the query, or in several places.
constexpr uint32_t kSeeds = 16;
constexpr size_t kSeedWords = 64;  // bitmap words looked at for each
}  // namespace

void Walk::score(uint32_t n) {
  if (n == 0) return;
  if (scorer_.prefetch != nullptr) scorer_.prefetch(scorer_.self, scratch_.slots.data(), n);
  scorer_.query_distances(scorer_.self, scratch_.query.data(), scratch_.slots.data(), n,
                          scratch_.distances.data());
}

// Takes scored admitted nodes into the results and the frontier.
void Walk::push_found(uint32_t n) {
  std::vector<Entry> &frontier = scratch_.frontier;
  for (uint32_t i = 0; i < n; ++i) {
    const Entry found = make_entry(scratch_.distances[i], scratch_.slots[i]);
    if (found >= scratch_.results.bound()) continue;
    frontier.push_back(found);
    std::push_heap(frontier.begin(), frontier.end(), std::greater<Entry>());
    scratch_.results.insert(found);
  }
}

uint32_t Walk::collect_seeds(const Admission &admission) {
  const size_t words = bitmap_words(admission.allowed_bits);
  uint32_t n = 0;
  for (uint32_t i = 0; i < std::min(kSeeds, graph_.params.m0()); ++i) {
    const size_t from = i * words / kSeeds;
    for (size_t at = from; at < std::min(from + kSeedWords, words); ++at) {
      const uint32_t word = admission.allowed[at];
      if (word == 0) continue;
      const auto slot = static_cast<uint32_t>(32 * at + __builtin_ctz(word));
      if (slot >= graph_.nodes.reserved() || graph_.nodes.state(slot) != kLinked) continue;
      if (!admission.admits(graph_.nodes, slot) || !scratch_.visited.add_known(slot)) continue;
      scratch_.slots[n++] = slot;
      break;
    }
  }
  return n;
}

// Gathers new admitted nodes around one: its neighbours, then those of the blocked among them.
uint32_t Walk::collect_two_hops(const Admission &admission, uint32_t slot) {
  const NodeStore &nodes = graph_.nodes;
  Visited &visited = scratch_.visited;
  uint32_t *out = scratch_.slots.data();
  uint32_t links[2 * kMaxM];
  uint32_t blocked[2 * kMaxM];
  const uint32_t room = graph_.params.m0();
  uint32_t n = 0, passed = 0;
  const uint32_t near = read_links(nodes.base_links(slot), room, links);
  for (uint32_t i = 0; i < near; ++i) {
    if (!visited.add_known(links[i])) continue;
    if (admission.admits(nodes, links[i])) {
      out[n++] = links[i];
    } else {
      nodes.prefetch_links(links[i]);
      blocked[passed++] = links[i];
    }
  }
  for (uint32_t i = 0; i < passed && n < room; ++i) {
    const uint32_t far = read_links(nodes.base_links(blocked[i]), room, links);
    for (uint32_t j = 0; j < far && n < room; ++j) {
      // What is blocked here stays unvisited: it may be a first hop later.
      if (admission.admits(nodes, links[j]) && visited.add_known(links[j])) out[n++] = links[j];
    }
  }
  return n;
}

bool Walk::widen_two_hops(const Admission &admission) {
  std::vector<Entry> &frontier = scratch_.frontier;
  const Beam &results = scratch_.results;
  uint32_t n = collect_seeds(admission);
  for (;;) {
    score(n);
    push_found(n);
    if (frontier.empty() || frontier.front() > results.bound()) return true;
    if (aborted()) return false;
    const uint32_t slot = slot_of(frontier.front());
    std::pop_heap(frontier.begin(), frontier.end(), std::greater<Entry>());
    frontier.pop_back();
    n = collect_two_hops(admission, slot);
  }
}

}  // namespace annulus::hnsw
