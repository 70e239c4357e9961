#include "data.h"

#include <annulus/distance.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <thread>

namespace annulus::hnsw::bench {

namespace {

template <typename In, typename Out>
bool read_rows(const std::string &path, std::vector<Out> &out, uint32_t &dimension) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  int32_t d;
  std::vector<In> row;
  while (file.read(reinterpret_cast<char *>(&d), sizeof(d))) {
    row.resize(d);
    file.read(reinterpret_cast<char *>(row.data()), d * sizeof(In));
    out.insert(out.end(), row.begin(), row.end());
    dimension = static_cast<uint32_t>(d);
  }
  return true;
}

void normalise(std::vector<float> &rows, uint32_t dimension) {
  for (size_t at = 0; at < rows.size(); at += dimension) {
    double sum = 0;
    for (uint32_t i = 0; i < dimension; ++i) sum += double{rows[at + i]} * rows[at + i];
    const auto scale = static_cast<float>(1 / std::sqrt(sum));
    for (uint32_t i = 0; i < dimension; ++i) rows[at + i] *= scale;
  }
}

void exact_neighbours(DataSet &set, uint32_t depth) {
  const FloatKernels kernels = float_kernels();
  set.depth = depth;
  set.truth.resize(size_t{set.query_count()} * depth);
  const auto work = [&](uint32_t from, uint32_t step) {
    std::vector<std::pair<float, uint32_t>> all(set.count());
    for (uint32_t q = from; q < set.query_count(); q += step) {
      for (uint32_t i = 0; i < set.count(); ++i) {
        all[i] = {-kernels.dot(set.query(q), set.row(i), set.dimension), i};
      }
      std::partial_sort(all.begin(), all.begin() + depth, all.end());
      for (uint32_t i = 0; i < depth; ++i) set.truth[size_t{q} * depth + i] = all[i].second;
    }
  };
  std::thread other(work, 1, 2);
  work(0, 2);
  other.join();
}

}  // namespace

DataSet load_folder(const std::string &folder) {
  DataSet set;
  set.euclidean = folder.find("euclidean") != std::string::npos;
  bool ok = read_rows<float>(folder + "/base.fvecs", set.base, set.dimension) ||
            read_rows<uint8_t>(folder + "/base.bvecs", set.base, set.dimension);
  ok = ok && read_rows<float>(folder + "/queries.fvecs", set.queries, set.dimension);
  ok = ok && read_rows<uint32_t>(folder + "/groundtruth.ivecs", set.truth, set.depth);
  if (!ok) {
    std::fprintf(stderr, "no data set in %s\n", folder.c_str());
    std::exit(1);
  }
  if (!set.euclidean) {
    normalise(set.base, set.dimension);
    normalise(set.queries, set.dimension);
  }
  return set;
}

DataSet synthetic(uint32_t count, uint32_t dimension, uint64_t seed, const std::string &cache) {
  constexpr uint32_t kRank = 32, kClusters = 1000, kQueries = 1000, kDepth = 10;
  DataSet set;
  set.dimension = dimension;
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> axes(kRank * dimension), centres(kClusters * kRank);
  for (float &x : axes) x = normal(random) / std::sqrt(static_cast<float>(dimension));
  for (float &x : centres) x = normal(random);
  const auto fill = [&](std::vector<float> &rows, uint32_t n) {
    rows.assign(size_t{n} * dimension, 0);
    for (uint32_t row = 0; row < n; ++row) {
      const float *centre = &centres[random() % kClusters * kRank];
      float *out = &rows[size_t{row} * dimension];
      for (uint32_t axis = 0; axis < kRank; ++axis) {
        const float x = centre[axis] + 0.35f * normal(random);
        for (uint32_t i = 0; i < dimension; ++i) out[i] += x * axes[axis * dimension + i];
      }
      for (uint32_t i = 0; i < dimension; ++i) {
        out[i] += 0.02f * normal(random) / std::sqrt(static_cast<float>(dimension) / 768);
      }
    }
    normalise(rows, dimension);
  };
  fill(set.base, count);
  fill(set.queries, kQueries);
  if (!cache.empty()) {
    std::ifstream file(cache, std::ios::binary);
    set.truth.resize(size_t{kQueries} * kDepth);
    set.depth = kDepth;
    if (file.read(reinterpret_cast<char *>(set.truth.data()), set.truth.size() * 4)) return set;
  }
  exact_neighbours(set, kDepth);
  if (!cache.empty()) {
    std::ofstream(cache, std::ios::binary)
        .write(reinterpret_cast<const char *>(set.truth.data()), set.truth.size() * 4);
  }
  return set;
}

}  // namespace annulus::hnsw::bench
