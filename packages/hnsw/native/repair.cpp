#include "repair.h"

#include <algorithm>

#include "attach.h"
#include "select.h"

namespace annulus::hnsw {

namespace {

// Candidates to replace a neighbour; and how far to look for some through nodes that leave as well.
constexpr size_t kAroundMax = 1024;
constexpr size_t kLeavingMax = 512;

// A node of the highest level there is among those that stay.
EntryPoint find_entry(const Graph &graph) {
  EntryPoint best;
  const uint64_t slots = graph.nodes.reserved();
  for (uint32_t slot = 0; slot < slots; ++slot) {
    const uint8_t state = graph.nodes.state(slot);
    if (!has_links(state) || state == kLeaving) continue;
    const uint32_t level = graph.nodes.level(slot);
    if (!best.exists() || level > best.level) best = {slot, level};
  }
  return best;
}

// Makes a tree link plain.
void untie(Graph &graph, uint32_t node, uint32_t other) {
  const NodeLock lock(graph.nodes.lock(node));
  uint32_t *words = graph.nodes.base_links(node);
  for (uint32_t i = 0; i < graph.params.m0(); ++i) {
    if (load_word(words + i) != make_word(other, true)) continue;
    store_word(words + i, make_word(other, false));
  }
}

class Relinking {
 public:
  Relinking(Graph &graph, uint32_t slot, uint32_t level, Scratch &scratch)
      : graph_(graph), slot_(slot), level_(level), scratch_(scratch) {}

  bool run() {
    if (!replace()) return false;
    // Both ways, as in an insertion: those that leave pointed to the new neighbours, too.
    if (!stays(graph_.nodes.state(slot_))) return true;
    for (const uint32_t other : scratch_.around) {
      add_link(graph_, other, level_, make_word(slot_, false), scratch_);
    }
    return true;
  }

 private:
  uint32_t capacity() const { return graph_.params.capacity(level_); }

  bool replace() {
    const NodeLock lock(graph_.nodes.lock(slot_));
    read_own();
    if (scratch_.leaving.empty()) return false;
    look_around();
    choose();
    return true;
  }

  void read_own() {
    n_ = read_words(graph_.nodes.links(slot_, level_), capacity(), words_);
    scratch_.around.clear();
    scratch_.leaving.clear();
    for (uint32_t i = 0; i < n_; ++i) {
      const uint32_t other = linked_slot(words_[i]);
      const bool leaves = graph_.nodes.state(other) == kLeaving;
      (leaves ? scratch_.leaving : scratch_.around).push_back(other);
    }
    own_ = scratch_.around.size();
  }

  // The live neighbours of those that leave; of those behind them when there are none.
  void look_around() {
    Visited &seen = scratch_.visited;
    seen.reset(graph_.nodes.reserved());
    seen.add(slot_);
    for (const uint32_t other : scratch_.around) seen.add(other);
    for (const uint32_t other : scratch_.leaving) seen.add(other);
    for (size_t at = 0; at < scratch_.leaving.size();) {
      for (const size_t ring = scratch_.leaving.size(); at < ring; ++at) {
        look_at(scratch_.leaving[at]);
      }
      if (scratch_.around.size() > own_) return;
    }
  }

  void look_at(uint32_t leaving) {
    uint32_t links[2 * kMaxM];
    const uint32_t n = read_links(graph_.nodes.links(leaving, level_), capacity(), links);
    for (uint32_t i = 0; i < n; ++i) {
      if (!scratch_.visited.add(links[i])) continue;
      const uint8_t state = graph_.nodes.state(links[i]);
      if (stays(state) && scratch_.around.size() < kAroundMax) {
        scratch_.around.push_back(links[i]);
      } else if (state == kLeaving && scratch_.leaving.size() < kLeavingMax) {
        scratch_.leaving.push_back(links[i]);
      }
    }
  }

  // Links that stay are kept: each was worth having, and what is diverse among the rest is added.
  // `around` becomes what was added.
  void choose() {
    const annulus_scorer &scorer = graph_.scorer();
    const std::vector<uint32_t> &around = scratch_.around;
    distances_.resize(around.size());
    scorer.pair_distances(scorer.self, slot_, around.data(), around.size(), distances_.data());
    scratch_.candidates.clear();
    for (size_t i = 0; i < around.size(); ++i) {
      scratch_.candidates.push_back(make_entry(distances_[i], around[i]) | (i < own_ ? kKept : 0));
    }
    std::sort(scratch_.candidates.begin(), scratch_.candidates.end());
    select_diverse(graph_, scratch_, capacity() - static_cast<uint32_t>(own_));
    scratch_.around.clear();
    for (size_t i = 0; i < scratch_.words.size(); ++i) {
      uint32_t &word = scratch_.words[i];
      const bool kept = (word & kTreeLink) != 0;
      if (!kept) scratch_.around.push_back(slot_of(scratch_.chosen[i]));
      word = as_before(slot_of(scratch_.chosen[i]));
    }
    write_words(graph_.nodes.links(slot_, level_), capacity(), scratch_.words.data(),
                static_cast<uint32_t>(scratch_.words.size()));
  }

  uint32_t as_before(uint32_t slot) const {
    const uint32_t *found = std::find(words_, words_ + n_, make_word(slot, true));
    return make_word(slot, found != words_ + n_);
  }

  Graph &graph_;
  const uint32_t slot_;
  const uint32_t level_;
  Scratch &scratch_;
  uint32_t words_[2 * kMaxM];
  uint32_t n_ = 0;
  size_t own_ = 0;  // of `around`, the first so many are links that stay
  std::vector<float> distances_;
};

}  // namespace

std::vector<uint32_t> begin_repair(Graph &graph) {
  std::vector<uint32_t> slots;
  const uint64_t end = graph.nodes.reserved();
  if (graph.unrepaired.load(std::memory_order_acquire) == 0) return slots;
  for (uint32_t slot = 0; slot < end; ++slot) {
    const uint8_t state = graph.nodes.state(slot);
    if (is_gone(state) || state == kSkipped) slots.push_back(slot);
  }
  for (const uint32_t slot : slots) graph.nodes.change_state(slot, kRemoved, kLeaving);
  const EntryPoint entry = graph.entry();
  if (entry.exists() && graph.nodes.state(entry.slot) == kLeaving) {
    graph.set_entry(find_entry(graph));
  }
  return slots;
}

void rehang(Graph &graph, uint32_t slot, Scratch &scratch) {
  if (graph.nodes.state(slot) != kLeaving) return;
  uint32_t words[2 * kMaxM];
  uint32_t near[2 * kMaxM];
  uint32_t tied = 0;
  const uint32_t n = read_words(graph.nodes.base_links(slot), graph.params.m0(), words);
  for (uint32_t i = 0; i < n; ++i) {
    if ((words[i] & kTreeLink) != 0) near[tied++] = linked_slot(words[i]);
  }
  // One that stays becomes the parent of the others, if there is one. They were all in different
  // parts of the tree, so a walk from it comes to none of them.
  for (uint32_t i = 0; i < tied; ++i) {
    untie(graph, slot, near[i]);
    untie(graph, near[i], slot);
    if (graph.nodes.state(near[0]) == kLeaving) std::swap(near[0], near[i]);
  }
  for (uint32_t i = 1; i < tied; ++i) attach(graph, near[i], near[0], scratch);
}

bool relink(Graph &graph, uint32_t slot, Scratch &scratch) {
  // What is being linked was begun after the others were marked, so it does not point to them.
  const uint8_t state = graph.nodes.state(slot);
  if (!has_links(state) || state == kLeaving) return false;
  bool changed = false;
  for (uint32_t level = 0; level <= graph.nodes.level(slot); ++level) {
    changed |= Relinking(graph, slot, level, scratch).run();
  }
  return changed;
}

void free_node(Graph &graph, uint32_t slot) {
  if (graph.nodes.change_state(slot, kSkipped, kFree)) {
    graph.unrepaired.fetch_sub(1, std::memory_order_acq_rel);
    return;
  }
  for (uint32_t level = 0; level <= graph.nodes.level(slot); ++level) {
    write_words(graph.nodes.links(slot, level), graph.params.capacity(level), nullptr, 0);
  }
  graph.nodes.set_state(slot, kFree);
  graph.linked.fetch_sub(1, std::memory_order_acq_rel);
  graph.removed.fetch_sub(1, std::memory_order_acq_rel);
  graph.unrepaired.fetch_sub(1, std::memory_order_acq_rel);
}

}  // namespace annulus::hnsw
