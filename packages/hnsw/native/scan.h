// Scores every admitted node.
#pragma once

#include "walk.h"

namespace annulus::hnsw {

/// Fills `scratch.results` with the nearest `width` admitted nodes, as the scorer sees them. Where
/// many are `admitted` (about), idle workers of `pool` (NULL: none) help, and nodes that the
/// scorer's sketches tell to be too far away are passed over, each wrongly with a probability of at
/// most ANNULUS_SKETCH_LOSS. False when aborted.
bool scan_admitted(const Graph &graph, Scratch &scratch, const Admission &admission,
                   uint64_t admitted, uint32_t width, const annulus_pool *pool,
                   const annulus_candidate_request &request);

}  // namespace annulus::hnsw
