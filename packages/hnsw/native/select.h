// Which candidates become neighbours (Malkov & Yashunin 2016, algorithm 4, without its extensions).
//
// Two things are added. Candidates that carry `kKept` are chosen whatever the others are. And of
// candidates that are copies of one another one is enough: without that, a hundred equal vectors
// link to nothing but each other and are cut off.
#pragma once

#include "graph.h"

namespace annulus::hnsw {

/// Flag of a candidate that must stay; becomes kTreeLink in its word.
constexpr Entry kKept = 1;

/// Chooses among `scratch.candidates` (distances from the base node, nearest first), at most
/// `limit` beyond what is kept, such that each is nearer to the base than to any nearer one chosen.
/// Leaves the words of the list in `scratch.words`, nearest first.
void select_diverse(const Graph &graph, Scratch &scratch, uint32_t limit);

}  // namespace annulus::hnsw
