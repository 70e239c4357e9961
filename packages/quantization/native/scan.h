// The exact nearest codes of a range of slots: no graph, every code looked at.
#pragma once

#include <annulus/abi.h>
#include <annulus/held.h>

#include <cstdint>
#include <vector>

#include "codes.h"
#include "topk.h"

namespace annulus {

struct ScanRange {
  uint64_t from = 0;
  uint64_t to = UINT64_MAX;           // clipped to the published slots
  const uint32_t *allowed = nullptr;  // bitmap; null allows all
  bool sketched = false;              // look at sketches first, where there are any
  uint64_t allowed_bits = 0;          // slots at and beyond are not allowed, if there is a bitmap
};

/// The k nearest allowed slots, nearest first, ties by the lower slot; the same whatever the number
/// of threads. Large ranges are shared with idle workers of the pool. With sketches each of them is
/// missed with a probability of at most ANNULUS_SKETCH_LOSS.
/// @param bounds may be null; else filled with the bound of each result where the codes have one.
/// @return ANNULUS_OK, ANNULUS_ABORTED or ANNULUS_OUT_OF_MEMORY.
int32_t scan(Codes &codes, const Held<annulus_pool> &pool, const float *query, size_t k,
             const ScanRange &range, const int32_t *abort, std::vector<Neighbour> &found,
             std::vector<annulus_bound> *bounds);

/// The codes as a source of candidates, searched by scanning. The table's `self` lives as long as
/// it is retained; the first reference is the caller's.
annulus_source new_scan_source(const CodesRef &codes, const Held<annulus_pool> &pool);

}  // namespace annulus
