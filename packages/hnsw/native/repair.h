// Taking removed nodes out of the graph: what points to them is linked anew, after which nothing
// does, and their slots are free.
//
// The steps, in order, each for all nodes before the next begins:
//   begin_repair   marks the removed nodes as leaving; nothing is made to point to them from then
//   on rehang         takes one leaving node out of the tree of attach.h and hangs its children
//   anew relink         gives one other node neighbours in place of those that leave outlast
//   (scratch.h) waits for all who might have read a link to a leaving node free_node      empties
//   the lists of a leaving node
// A repair that ends early leaves a graph that is whole; the next one goes on with what is leaving.
// Links of leaving nodes stay until the end: searches that stand on one walk on.
#pragma once

#include <vector>

#include "graph.h"

namespace annulus::hnsw {

/// No insertion runs meanwhile. Moves the entry point to a node that stays. Returns the slots to
/// free. May throw std::bad_alloc, before anything changes.
std::vector<uint32_t> begin_repair(Graph &graph);

/// No insertion runs meanwhile.
void rehang(Graph &graph, uint32_t slot, Scratch &scratch);

/// Insertions, searches and other calls of this may run. False when nothing had to change. May
/// throw std::bad_alloc, with the lists as they were or done.
bool relink(Graph &graph, uint32_t slot, Scratch &scratch);

/// No insertion runs meanwhile. The slot is as if never used, for insertions made from now on.
void free_node(Graph &graph, uint32_t slot);

}  // namespace annulus::hnsw
