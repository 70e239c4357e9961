// Taking nodes out of results, whose links stay until a repair (repair.h), and letting hidden ones
// in.
#pragma once

#include "graph.h"

namespace annulus::hnsw {

/// From the return on no search that starts returns the slot; a search under way may. The node is
/// still traversed. A slot not linked yet will not be until it is freed. The slot has room
/// (`nodes.reserve`). False when it was removed before.
bool remove_node(Graph &graph, uint32_t slot);

/// From the return on searches find a node that was linked hidden. False when it is not hidden.
bool reveal_node(Graph &graph, uint32_t slot);

}  // namespace annulus::hnsw
