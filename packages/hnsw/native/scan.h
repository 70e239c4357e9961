// Scores every admitted node.
#pragma once

#include "walk.h"

namespace annulus::hnsw {

/// Fills `scratch.results` with the nearest `width` admitted nodes, exactly as the scorer sees
/// them. Idle workers of `pool` (NULL: none) help where many are `admitted` (about). False when
/// aborted.
bool scan_admitted(const Graph &graph, Scratch &scratch, const Admission &admission,
                   uint64_t admitted, uint32_t width, const annulus_pool *pool,
                   const int32_t *abort);

}  // namespace annulus::hnsw
