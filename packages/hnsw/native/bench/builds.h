// The worst a query meets over many builds of one graph.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "../graph.h"
#include "data.h"

namespace annulus::hnsw::bench {

/// A graph of the whole set, built with this seed.
using Build = std::function<std::shared_ptr<Graph>(uint64_t seed)>;

/// Prints for each of `efs` the recall@10 of single queries over so many builds, against an exact
/// search of the same codes: its mean, its lowest hundredth, how often it is below a half and how
/// often nothing is found; which queries these are; and how many nodes their own vector does not
/// find.
void measure_builds(const Build &build, const DataSet &set, uint32_t builds,
                    const std::vector<uint32_t> &efs);

}  // namespace annulus::hnsw::bench
