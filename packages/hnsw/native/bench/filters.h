// What each strategy for filters costs and finds.
#pragma once

#include "../graph.h"
#include "data.h"

namespace annulus::hnsw::bench {

/// Prints recall@10 against an exact search of the codes, and CPU time, for filters that admit
/// 0.1 % to 80 % of the nodes, at random or the farthest of each query; by each strategy, and by
/// the one that is chosen.
void measure_filters(const Graph &graph, const DataSet &set, uint32_t ef);

}  // namespace annulus::hnsw::bench
