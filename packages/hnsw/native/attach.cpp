#include "attach.h"

#include <algorithm>

#include "select.h"

namespace annulus::hnsw {

namespace {

// The caller holds the lock; `words` has `n` entries and no room.
void shrink(Graph &graph, uint32_t node, uint32_t level, uint32_t *words, uint32_t n, uint32_t word,
            Scratch &scratch) {
  const annulus_scorer &scorer = graph.scorer();
  uint32_t all[2 * kMaxM + 1];
  uint32_t slots[2 * kMaxM + 1] = {};
  float distances[2 * kMaxM + 1];
  read_words(words, n, all);
  all[n++] = word;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < n; ++i) {
    slots[i] = linked_slot(all[i]);
    kept += (all[i] & kTreeLink) != 0;
  }
  scorer.pair_distances(scorer.self, node, slots, n, distances);
  scratch.candidates.clear();
  for (uint32_t i = 0; i < n; ++i) {
    const Entry flag = (all[i] & kTreeLink) != 0 ? kKept : 0;
    scratch.candidates.push_back(make_entry(distances[i], slots[i]) | flag);
  }
  std::sort(scratch.candidates.begin(), scratch.candidates.end());
  const uint32_t capacity = graph.params.capacity(level);
  select_diverse(graph, scratch, capacity - kept);
  write_words(words, capacity, scratch.words.data(), static_cast<uint32_t>(scratch.words.size()));
}

void add_locked(Graph &graph, uint32_t node, uint32_t level, uint32_t word, Scratch &scratch) {
  const uint32_t capacity = graph.params.capacity(level);
  uint32_t *words = graph.nodes.links(node, level);
  uint32_t n = 0;
  for (; n < capacity; ++n) {
    const uint32_t present = load_word(words + n);
    if (present == 0) break;
    if (linked_slot(present) != linked_slot(word)) continue;
    store_word(words + n, present | word);
    return;
  }
  if (n < capacity) {
    store_word(words + n, word);
  } else {
    shrink(graph, node, level, words, n, word, scratch);
  }
}

// Half of a list may be tree links: one upwards, the rest downwards.
uint32_t tree_links_max(const Graph &graph) { return graph.params.m; }

uint32_t mix(uint32_t slot, uint32_t turn) {
  uint64_t x = (uint64_t{slot} << 32 | turn) * 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ULL;
  return static_cast<uint32_t>(x >> 32);
}

// True when `slot` hangs on `node` now; else `next` is a neighbour of `node` in the tree.
bool hang(Graph &graph, uint32_t node, uint32_t slot, uint32_t turn, Scratch &scratch,
          uint32_t &next) {
  const NodeLock lock(graph.nodes.lock(node));
  uint32_t words[2 * kMaxM];
  const uint32_t n = read_words(graph.nodes.base_links(node), graph.params.m0(), words);
  uint32_t tree = 0;
  for (uint32_t i = 0; i < n; ++i) {
    if ((words[i] & kTreeLink) != 0) words[tree++] = words[i];
  }
  if (tree >= tree_links_max(graph)) {
    next = linked_slot(words[mix(slot, turn) % tree]);
    return false;
  }
  add_locked(graph, node, 0, make_word(slot, true), scratch);
  return true;
}

}  // namespace

void add_link(Graph &graph, uint32_t node, uint32_t level, uint32_t word, Scratch &scratch) {
  const NodeLock lock(graph.nodes.lock(node));
  add_locked(graph, node, level, word, scratch);
}

void attach(Graph &graph, uint32_t slot, uint32_t parent, Scratch &scratch) {
  // Nodes with a full share have many neighbours in the tree, most of which are leaves or near
  // them: a walk that turns by a hash soon comes to one with room.
  uint32_t next = kNone;
  for (uint32_t turn = 0; !hang(graph, parent, slot, turn, scratch, next); ++turn) parent = next;
  add_link(graph, slot, 0, make_word(parent, true), scratch);
}

}  // namespace annulus::hnsw
