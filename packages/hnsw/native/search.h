// A search: prepares the query, walks, hands out the nearest admitted nodes.
#pragma once

#include <annulus/abi.h>

#include "graph.h"

namespace annulus::hnsw {

/// Serves one request of abi.h (`worker` is not needed). The beam is max(ef, k) wide. Sets `found`
/// and `status`; results are sorted by distance, then slot, without duplicates. Any thread.
/// A walk passes over `skipped`, as `Walk::start` says; a scan does not. Idle workers of `pool`
/// (NULL: none) help with what takes long.
void search(const Graph &graph, annulus_candidate_request &request,
            const annulus_pool *pool = nullptr, uint32_t skipped = kNone);

}  // namespace annulus::hnsw
