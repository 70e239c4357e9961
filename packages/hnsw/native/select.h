// Which candidates become neighbours (Malkov & Yashunin 2016, algorithm 4, without its extensions).
#pragma once

#include "graph.h"

namespace annulus::hnsw {

/// Chooses at most `limit` of the candidates (distances from the base node, nearest first) such
/// that each is nearer to the base than to any other chosen. Appends slots to `chosen`, in
/// candidate order.
void select_diverse(const Graph &graph, const std::vector<Entry> &candidates, uint32_t limit,
                    std::vector<uint32_t> &chosen);

}  // namespace annulus::hnsw
