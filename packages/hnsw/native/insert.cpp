#include "insert.h"

#include <algorithm>
#include <new>

#include "attach.h"
#include "select.h"
#include "walk.h"

namespace annulus::hnsw {

namespace {

class Insertion {
 public:
  Insertion(Graph &graph, uint32_t slot, Scratch &scratch, Shown shown)
      : graph_(graph),
        slot_(slot),
        level_(level_of(graph.params, slot)),
        hides_(shown == Shown::when_revealed),
        scratch_(scratch) {}

  int32_t run();

 private:
  bool begin();
  void link(EntryPoint entry);
  void gather(const Beam &beam);
  void gather_beyond(Walk &walk, EntryPoint entry, uint32_t level);
  void choose(uint32_t level);
  void point_back(uint32_t level);
  void settle();
  void undo();

  Graph &graph_;
  const uint32_t slot_;
  const uint32_t level_;
  const bool hides_;
  Scratch &scratch_;
};

int32_t Insertion::run() {
  if (!begin()) return ANNULUS_OK;
  try {
    if (!graph_.nodes.set_level(slot_, level_)) throw std::bad_alloc();
    std::unique_lock<std::mutex> raise(graph_.raise_mutex, std::defer_lock);
    EntryPoint entry = graph_.entry();
    if (!entry.exists() || level_ > entry.level) {
      raise.lock();
      entry = graph_.entry();
    }
    if (entry.exists()) link(entry);
    if (!entry.exists() || level_ > entry.level) graph_.set_entry({slot_, level_});
  } catch (const std::bad_alloc &) {
    undo();
    return ANNULUS_OUT_OF_MEMORY;
  }
  settle();
  return ANNULUS_OK;
}

bool Insertion::begin() {
  if (!hides_) return graph_.nodes.change_state(slot_, kEmpty, kLinking);
  graph_.hidden.fetch_add(1, std::memory_order_acq_rel);
  if (graph_.nodes.change_state(slot_, kEmpty, kHiding)) return true;
  graph_.hidden.fetch_sub(1, std::memory_order_acq_rel);
  return false;
}

// Throws only before any other node points here: what follows the walk allocates nothing.
void Insertion::link(EntryPoint entry) {
  const annulus_scorer &scorer = graph_.scorer();
  scorer.query_from_slot(scorer.self, slot_, scratch_.query.data());
  Walk walk(graph_, scratch_, nullptr);
  walk.start(entry, graph_.params.ef_construct);
  walk.descend(entry.level, level_ + 1);
  const uint32_t top = std::min(level_, entry.level);
  for (uint32_t level = top + 1; level-- > 0;) {
    walk.widen(level, graph_.params.expanded());
    gather(scratch_.beam);
    if (scratch_.candidates.empty()) gather_beyond(walk, entry, level);
    choose(level);
  }
  attach(graph_, slot_, linked_slot(load_word(graph_.nodes.base_links(slot_))), scratch_);
  for (uint32_t level = 0; level <= top; ++level) point_back(level);
}

// Neighbours to choose from: live nodes, unless only removed ones are near. Those that a repair is
// taking out (no insertion runs while it marks them) are none.
void Insertion::gather(const Beam &beam) {
  const bool ask = graph_.unrepaired.load(std::memory_order_acquire) > 0;
  std::vector<Entry> &candidates = scratch_.candidates;
  for (const bool removed_too : {false, true}) {
    candidates.clear();
    for (uint32_t i = 0; i < beam.size(); ++i) {
      const uint8_t state = ask ? graph_.nodes.state(slot_of(beam[i])) : uint8_t{kLinked};
      if (state == kLeaving || (state == kRemoved && !removed_too)) continue;
      candidates.push_back(beam[i] & ~kExpanded);
    }
    if (!ask || !candidates.empty()) return;
  }
}

// All nodes near are on their way out. At level 0 there must be a neighbour, so the walk is made
// again, past them; above, or if that finds none, the entry point will do: it always stays.
void Insertion::gather_beyond(Walk &walk, EntryPoint entry, uint32_t level) {
  if (level == 0) {
    walk.start(entry, graph_.params.ef_construct);
    walk.descend(entry.level, 1);
    Admission staying;
    staying.staying = true;
    walk.begin_admitted(staying, graph_.params.m);
    walk.widen_admitted(staying);
    gather(scratch_.results);
  }
  if (!scratch_.candidates.empty()) return;
  const annulus_scorer &scorer = graph_.scorer();
  float distance;
  scorer.pair_distances(scorer.self, slot_, &entry.slot, 1, &distance);
  scratch_.candidates.push_back(make_entry(distance, entry.slot));
}

// Writes the node's own list of a level.
void Insertion::choose(uint32_t level) {
  select_diverse(graph_, scratch_, graph_.params.m);
  write_words(graph_.nodes.links(slot_, level), graph_.params.capacity(level),
              scratch_.words.data(), static_cast<uint32_t>(scratch_.words.size()));
}

void Insertion::point_back(uint32_t level) {
  uint32_t own[2 * kMaxM];
  const uint32_t n =
      read_links(graph_.nodes.links(slot_, level), graph_.params.capacity(level), own);
  for (uint32_t i = 0; i < n; ++i) {
    add_link(graph_, own[i], level, make_word(slot_, false), scratch_);
  }
}

// Nobody points here yet.
void Insertion::undo() {
  for (uint32_t level = 0; level <= graph_.nodes.level(slot_); ++level) {
    write_words(graph_.nodes.links(slot_, level), graph_.params.capacity(level), nullptr, 0);
  }
  if (!graph_.nodes.change_state(slot_, hides_ ? kHiding : kLinking, kEmpty)) {
    graph_.nodes.set_state(slot_, kSkipped);  // removed meanwhile
  }
  if (hides_) graph_.hidden.fetch_sub(1, std::memory_order_acq_rel);
}

void Insertion::settle() {
  const bool live =
      graph_.nodes.change_state(slot_, hides_ ? kHiding : kLinking, hides_ ? kHidden : kLinked);
  if (!live) graph_.removed.fetch_add(1, std::memory_order_acq_rel);
  if (!live && hides_) graph_.hidden.fetch_sub(1, std::memory_order_acq_rel);
  graph_.linked.fetch_add(1, std::memory_order_acq_rel);
}

}  // namespace

int32_t insert_node(Graph &graph, uint32_t slot, Scratch &scratch, Shown shown) {
  return Insertion(graph, slot, scratch, shown).run();
}

}  // namespace annulus::hnsw
