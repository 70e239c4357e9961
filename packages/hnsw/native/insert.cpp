#include "insert.h"

#include <algorithm>
#include <new>

#include "select.h"
#include "walk.h"

namespace annulus::hnsw {

namespace {

class Insertion {
 public:
  Insertion(Graph &graph, uint32_t slot, Scratch &scratch)
      : graph_(graph), slot_(slot), level_(level_of(graph.params, slot)), scratch_(scratch) {}

  int32_t run();

 private:
  void link(EntryPoint entry);
  void choose(uint32_t level);
  void point_back(uint32_t level);
  void add_link(uint32_t node, uint32_t level);
  void shrink(uint32_t node, uint32_t level, uint32_t *words, uint32_t n);
  void settle();
  void undo();

  Graph &graph_;
  const uint32_t slot_;
  const uint32_t level_;
  Scratch &scratch_;
};

int32_t Insertion::run() {
  if (!graph_.nodes.change_state(slot_, kEmpty, kLinking)) return ANNULUS_OK;
  int32_t status = ANNULUS_OUT_OF_MEMORY;
  if (graph_.nodes.set_level(slot_, level_)) {
    std::unique_lock<std::mutex> raise(graph_.raise_mutex, std::defer_lock);
    EntryPoint entry = graph_.entry();
    if (!entry.exists() || level_ > entry.level) {
      raise.lock();
      entry = graph_.entry();
    }
    try {
      if (entry.exists()) link(entry);
      status = ANNULUS_OK;
    } catch (const std::bad_alloc &) {
      status =
          ANNULUS_OUT_OF_MEMORY;  // before any other node points here: point_back allocates nothing
    }
    if (status == ANNULUS_OK && (!entry.exists() || level_ > entry.level)) {
      graph_.set_entry({slot_, level_});
    }
  }
  if (status == ANNULUS_OK) {
    settle();
  } else {
    undo();
  }
  return status;
}

void Insertion::link(EntryPoint entry) {
  const annulus_scorer &scorer = graph_.scorer();
  scorer.query_from_slot(scorer.self, slot_, scratch_.query.data());
  Walk walk(graph_, scratch_, nullptr);
  walk.start(entry, graph_.params.ef_construct);
  walk.descend(entry.level, level_ + 1);
  const uint32_t top = std::min(level_, entry.level);
  for (uint32_t level = top + 1; level-- > 0;) {
    walk.widen(level);
    choose(level);
  }
  for (uint32_t level = 0; level <= top; ++level) point_back(level);
}

// Writes the node's own list of a level from what the beam found there: live nodes, unless only
// removed ones are near.
void Insertion::choose(uint32_t level) {
  const Beam &beam = scratch_.beam;
  const bool ask = graph_.any_removed.load(std::memory_order_acquire);
  std::vector<Entry> &candidates = scratch_.candidates;
  candidates.clear();
  for (uint32_t i = 0; i < beam.size(); ++i) {
    if (ask && graph_.nodes.state(slot_of(beam[i])) == kRemoved) continue;
    candidates.push_back(beam[i] & ~kExpanded);
  }
  if (candidates.empty()) {
    for (uint32_t i = 0; i < beam.size(); ++i) candidates.push_back(beam[i] & ~kExpanded);
  }
  scratch_.chosen.clear();
  select_diverse(graph_, candidates, graph_.params.m, scratch_.chosen);
  write_links(graph_.nodes.links(slot_, level), graph_.params.capacity(level),
              scratch_.chosen.data(), static_cast<uint32_t>(scratch_.chosen.size()));
}

void Insertion::point_back(uint32_t level) {
  uint32_t own[2 * kMaxM];
  const uint32_t n =
      read_links(graph_.nodes.links(slot_, level), graph_.params.capacity(level), own);
  for (uint32_t i = 0; i < n; ++i) add_link(own[i], level);
}

void Insertion::add_link(uint32_t node, uint32_t level) {
  const uint32_t capacity = graph_.params.capacity(level);
  uint32_t *words = graph_.nodes.links(node, level);
  NodeLock lock(graph_.nodes.lock(node));
  uint32_t n = 0;
  for (; n < capacity; ++n) {
    const uint32_t word = load_word(words + n);
    if (word == 0) break;
    if (word == slot_ + 1) return;
  }
  if (n < capacity) {
    store_word(words + n, slot_ + 1);
  } else {
    shrink(node, level, words, n);
  }
}

// The list is full: what is diverse among it and the new node stays.
void Insertion::shrink(uint32_t node, uint32_t level, uint32_t *words, uint32_t n) {
  const annulus_scorer &scorer = graph_.scorer();
  uint32_t slots[2 * kMaxM + 1];
  float distances[2 * kMaxM + 1];
  read_links(words, n, slots);
  slots[n++] = slot_;
  scorer.pair_distances(scorer.self, node, slots, n, distances);
  std::vector<Entry> &candidates = scratch_.candidates;
  candidates.clear();
  for (uint32_t i = 0; i < n; ++i) candidates.push_back(make_entry(distances[i], slots[i]));
  std::sort(candidates.begin(), candidates.end());
  const uint32_t capacity = graph_.params.capacity(level);
  scratch_.chosen.clear();
  select_diverse(graph_, candidates, capacity, scratch_.chosen);
  write_links(words, capacity, scratch_.chosen.data(),
              static_cast<uint32_t>(scratch_.chosen.size()));
}

// Nobody points here yet.
void Insertion::undo() {
  for (uint32_t level = 0; level <= graph_.nodes.level(slot_); ++level) {
    write_links(graph_.nodes.links(slot_, level), graph_.params.capacity(level), nullptr, 0);
  }
  if (!graph_.nodes.change_state(slot_, kLinking, kEmpty)) {
    graph_.nodes.set_state(slot_, kSkipped);  // removed meanwhile
  }
}

void Insertion::settle() {
  if (graph_.nodes.change_state(slot_, kLinking, kLinked)) {
    graph_.linked.fetch_add(1, std::memory_order_acq_rel);
  } else {
    graph_.removed.fetch_add(1, std::memory_order_acq_rel);
    graph_.linked.fetch_add(1, std::memory_order_acq_rel);
  }
}

}  // namespace

int32_t insert_node(Graph &graph, uint32_t slot, Scratch &scratch) {
  return Insertion(graph, slot, scratch).run();
}

}  // namespace annulus::hnsw
