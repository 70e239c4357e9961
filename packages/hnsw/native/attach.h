// Adding single links to lists others read, and the tree that keeps every node within reach.
#pragma once

#include "graph.h"

namespace annulus::hnsw {

/// Adds a link to a node's list of a level, which shrinks to what is diverse when it is full (the
/// new link may be what goes, unless it is a tree link). Already there, it becomes a tree link if
/// `word` is one. Takes the node's lock. Allocates nothing that `scratch` has no room for.
void add_link(Graph &graph, uint32_t node, uint32_t level, uint32_t word, Scratch &scratch);

/// Hangs `slot` on `parent`, or on a node that hangs on it if that has its share of tree links
/// already, and so on. Both ends keep the link.
void attach(Graph &graph, uint32_t slot, uint32_t parent, Scratch &scratch);

}  // namespace annulus::hnsw
