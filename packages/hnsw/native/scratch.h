// What one search or insertion needs besides the graph, kept for the next one.
#pragma once

#include <annulus/aligned.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "beam.h"
#include "params.h"
#include "visited.h"

namespace annulus::hnsw {

struct Scratch {
  Scratch(uint64_t query_bytes, const Params &params)
      : query(std::max<uint64_t>(query_bytes, 1)), slots(params.m0()), distances(params.m0()) {
    candidates.reserve(std::max(params.ef_construct, params.m0() + 1));
    chosen.reserve(params.m0() + 1);
    chosen_distances.reserve(params.m0() + 1);
    words.reserve(params.m0() + 1);
  }

  AlignedVector<uint8_t> query;  // prepared
  Visited visited;
  Beam beam;
  Beam results;                  // of a filtered search
  std::vector<Entry> frontier;   // heap of a filtered search
  std::vector<uint32_t> slots;   // one batch: neighbours not seen before
  std::vector<float> distances;  // of that batch
  // Neighbour selection: what to choose from, the slots chosen, their distances, their words.
  std::vector<Entry> candidates;
  std::vector<uint32_t> chosen;
  std::vector<float> chosen_distances;
  std::vector<uint32_t> words;

  size_t bytes() const {
    return query.capacity() + visited.bytes() + beam.bytes() + results.bytes() +
           frontier.capacity() * sizeof(Entry) + candidates.capacity() * sizeof(Entry) +
           (slots.capacity() + chosen.capacity() + words.capacity()) * sizeof(uint32_t) +
           (distances.capacity() + chosen_distances.capacity()) * sizeof(float);
  }
};

/// Hands out scratches; as many exist as were ever in use at once. (Pool worker numbers are no key:
/// after its close the pool runs jobs on the submitting thread.)
class ScratchPool {
 public:
  ScratchPool(uint64_t query_bytes, const Params &params)
      : query_bytes_(query_bytes), params_(params) {}

  std::unique_ptr<Scratch> take();
  void give(std::unique_ptr<Scratch> scratch);
  /// Bytes of the scratches not in use.
  size_t bytes();

 private:
  const uint64_t query_bytes_;
  const Params params_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Scratch>> free_;
  size_t made_ = 0;
};

/// A scratch for the length of a scope.
class ScratchLease {
 public:
  explicit ScratchLease(ScratchPool &pool) : pool_(pool), scratch_(pool.take()) {}
  ~ScratchLease() { pool_.give(std::move(scratch_)); }
  ScratchLease(const ScratchLease &) = delete;
  ScratchLease &operator=(const ScratchLease &) = delete;
  Scratch &operator*() { return *scratch_; }

 private:
  ScratchPool &pool_;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace annulus::hnsw
