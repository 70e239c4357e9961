// Vector sets for the plain programs: folders of fvecs/bvecs/ivecs files, or a seeded synthetic
// mixture.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace annulus::hnsw::bench {

struct DataSet {
  uint32_t dimension = 0;
  bool euclidean = false;
  std::vector<float> base;  // normalised unless euclidean
  std::vector<float> queries;
  std::vector<uint32_t> truth;  // `depth` nearest per query
  uint32_t depth = 0;

  uint32_t count() const { return static_cast<uint32_t>(base.size() / dimension); }
  uint32_t query_count() const { return static_cast<uint32_t>(queries.size() / dimension); }
  const float *row(uint32_t i) const { return base.data() + size_t{i} * dimension; }
  const float *query(uint32_t i) const { return queries.data() + size_t{i} * dimension; }
};

/// A folder with base.fvecs or base.bvecs, queries.fvecs, groundtruth.ivecs; its name ends in the
/// metric.
DataSet load_folder(const std::string &folder);

/// About 1,000 Gaussian clusters on a 32-dimensional random subspace plus small noise, normalised.
/// Exact neighbours are computed once and kept in `cache` (a file) if it is not empty.
DataSet synthetic(uint32_t count, uint32_t dimension, uint64_t seed, const std::string &cache);

}  // namespace annulus::hnsw::bench
