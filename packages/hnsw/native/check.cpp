#include "check.h"

#include <algorithm>
#include <vector>

namespace annulus::hnsw {

namespace {

bool has_links(const Graph &graph, uint32_t slot) {
  if (slot >= graph.nodes.reserved()) return false;
  return hnsw::has_links(graph.nodes.state(slot));
}

void check_list(const Graph &graph, uint32_t slot, uint32_t level, CheckReport &report) {
  const uint32_t capacity = graph.params.capacity(level);
  const uint32_t *words = graph.nodes.links(slot, level);
  std::vector<uint32_t> slots(capacity);
  const uint32_t n = read_links(words, capacity, slots.data());
  for (uint32_t i = n; i < capacity; ++i) report.links_behind_end += load_word(words + i) != 0;
  slots.resize(n);
  report.links += n;
  for (const uint32_t other : slots) {
    report.self_links += other == slot;
    report.dangling_links += !has_links(graph, other) || graph.nodes.level(other) < level;
  }
  std::sort(slots.begin(), slots.end());
  report.duplicate_links +=
      static_cast<uint64_t>(slots.end() - std::unique(slots.begin(), slots.end()));
}

// Tree links that only one end holds.
uint64_t count_unpaired(const Graph &graph, uint32_t slot) {
  const uint32_t capacity = graph.params.m0();
  std::vector<uint32_t> own(capacity), others(capacity);
  own.resize(read_words(graph.nodes.base_links(slot), capacity, own.data()));
  uint64_t unpaired = 0;
  for (const uint32_t word : own) {
    if ((word & kTreeLink) == 0 || !has_links(graph, linked_slot(word))) continue;
    const uint32_t *words = graph.nodes.base_links(linked_slot(word));
    const auto end = others.begin() + read_words(words, capacity, others.data());
    unpaired += std::find(others.begin(), end, make_word(slot, true)) == end;
  }
  return unpaired;
}

uint64_t count_unreachable(const Graph &graph, uint32_t entry, uint64_t slots) {
  std::vector<bool> reached(slots, false);
  std::vector<uint32_t> stack = {entry};
  std::vector<uint32_t> links(graph.params.m0());
  reached[entry] = true;
  while (!stack.empty()) {
    const uint32_t slot = stack.back();
    stack.pop_back();
    const uint32_t n = read_links(graph.nodes.base_links(slot), graph.params.m0(), links.data());
    for (uint32_t i = 0; i < n; ++i) {
      if (links[i] >= slots || reached[links[i]]) continue;
      reached[links[i]] = true;
      stack.push_back(links[i]);
    }
  }
  uint64_t missed = 0;
  for (uint32_t slot = 0; slot < slots; ++slot) {
    missed += stays(graph.nodes.state(slot)) && !reached[slot];
  }
  return missed;
}

}  // namespace

CheckReport check(const Graph &graph) {
  CheckReport report;
  const uint64_t slots = graph.nodes.reserved();
  uint64_t staying = 0;
  uint32_t top = 0;
  for (uint32_t slot = 0; slot < slots; ++slot) {
    if (!has_links(graph, slot)) continue;
    ++report.nodes;
    const uint32_t level = graph.nodes.level(slot);
    if (graph.nodes.state(slot) != kLeaving) {
      top = std::max(top, level);
      ++staying;
    }
    report.unpaired_tree_links += count_unpaired(graph, slot);
    report.wrong_levels += level != level_of(graph.params, slot);
    for (uint32_t l = 0; l <= level && l <= kMaxLevel; ++l) check_list(graph, slot, l, report);
  }
  report.wrong_counters += report.nodes != graph.linked.load(std::memory_order_acquire);
  const EntryPoint entry = graph.entry();
  if (staying == 0) {
    report.bad_entry += entry.exists();
  } else if (!entry.exists() || !has_links(graph, entry.slot) || entry.level != top ||
             graph.nodes.level(entry.slot) != entry.level) {
    ++report.bad_entry;
  } else {
    report.unreachable = count_unreachable(graph, entry.slot, slots);
  }
  return report;
}

}  // namespace annulus::hnsw
