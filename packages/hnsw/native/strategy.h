// How a search goes about it: walk the graph, or score every admitted node.
#pragma once

#include "walk.h"

namespace annulus::hnsw {

enum class Strategy {
  walk,           // everything is admitted
  walk_admitted,  // walk through all, keep what is admitted
  scan,           // score all that is admitted: few are, or nearly all are wanted
};

/// The cheapest of the three for a beam of `width`, by an estimate of the nodes each would score.
Strategy choose_strategy(const Graph &graph, const Admission &admission, uint32_t width);

/// Fills `scratch.results` with the nearest `width` admitted nodes, exactly as the scorer sees
/// them. False when aborted.
bool scan_admitted(const Graph &graph, Scratch &scratch, const Admission &admission, uint32_t width,
                   const int32_t *abort);

}  // namespace annulus::hnsw
