// Linking one node into the graph (Malkov & Yashunin 2016, algorithm 1).
//
// The one subtle rule: a node is found by others only through links that point at it. So all its
// own lists are written first, level by level downwards, and others are made to point at it
// afterwards, level 0 first. A search that meets a new node can always go on from it.
#pragma once

#include <annulus/abi.h>

#include "graph.h"

namespace annulus::hnsw {

/// Whether searches find a node at once, or not before it is revealed (remove.h).
enum class Shown { at_once, when_revealed };

/// Links a slot that has room (`nodes.reserve`) and a code. ANNULUS_OK also when another insertion
/// has it or it was removed meanwhile; ANNULUS_OUT_OF_MEMORY leaves it as if never tried.
int32_t insert_node(Graph &graph, uint32_t slot, Scratch &scratch, Shown shown = Shown::at_once);

}  // namespace annulus::hnsw
