// Everything that must hold in a graph, counted where it does not.
#pragma once

#include "graph.h"

namespace annulus::hnsw {

struct CheckReport {
  uint64_t nodes = 0;
  uint64_t links = 0;
  uint64_t self_links = 0;
  uint64_t duplicate_links = 0;
  uint64_t dangling_links = 0;  // to slots that are not linked or lack the level
  uint64_t unpaired_tree_links = 0;
  uint64_t links_behind_end = 0;  // words after the end of a list
  uint64_t wrong_levels = 0;      // not what seed and slot say
  uint64_t wrong_counters = 0;
  uint64_t bad_entry = 0;  // missing, not linked, or not of the highest level
  /// Live nodes that no path from the entry point reaches at level 0. Not a violation: the
  /// algorithm does not promise it. Each is lost to searches.
  uint64_t unreachable = 0;

  uint64_t violations() const {
    return self_links + duplicate_links + dangling_links + unpaired_tree_links + links_behind_end +
           wrong_levels + wrong_counters + bad_entry + unreachable;
  }
};

/// No insertion may run meanwhile; searches and removals may. May throw std::bad_alloc.
CheckReport check(const Graph &graph);

}  // namespace annulus::hnsw
