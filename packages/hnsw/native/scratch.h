// What one search or insertion needs besides the graph, kept for the next one.
#pragma once

#include <annulus/aligned.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "beam.h"
#include "gate.h"
#include "params.h"
#include "visited.h"

namespace annulus::hnsw {

/// Candidates that neighbour selection looks at together.
constexpr size_t kSelectBlock = 64;

struct Scratch {
  Scratch(uint64_t query_bytes, const Params &params)
      : query(std::max<uint64_t>(query_bytes, 1)),
        slots(params.m0()),
        distances(params.m0()),
        found(params.m0()) {
    candidates.reserve(std::max(params.ef_construct, params.m0() + 1));
    chosen.reserve(params.m0() + 1);
    rivals.reserve(kSelectBlock);
    words.reserve(params.m0() + 1);
  }

  AlignedVector<uint8_t> query;     // prepared
  AlignedVector<uint8_t> sketched;  // the same for sketches, once a scan has needed it
  Visited visited;
  Beam beam;
  Beam results;                  // of a filtered search
  std::vector<Beam> parts;       // of a scan by several workers
  std::vector<Entry> frontier;   // heap of a filtered search
  std::vector<uint32_t> slots;   // one batch: neighbours not seen before
  std::vector<float> distances;  // of that batch
  std::vector<Entry> found;      // those of it that are near enough
  // Neighbour selection: what to choose from, those of a block not yet decided on, those chosen,
  // their words.
  std::vector<Entry> candidates;
  std::vector<Entry> rivals;
  std::vector<Entry> chosen;
  std::vector<uint32_t> words;
  // Repair: nodes around one, and those of them on their way out.
  std::vector<uint32_t> around;
  std::vector<uint32_t> leaving;
  uint64_t era = 0;  // of the scratch pool, when this was taken

  size_t bytes() const {
    size_t of_parts = parts.capacity() * sizeof(Beam);
    for (const Beam &part : parts) of_parts += part.bytes();
    return of_parts + query.capacity() + sketched.capacity() + visited.bytes() + beam.bytes() +
           results.bytes() +
           (frontier.capacity() + candidates.capacity() + rivals.capacity() + chosen.capacity() +
            found.capacity()) *
               sizeof(Entry) +
           (slots.capacity() + words.capacity() + around.capacity() + leaving.capacity()) *
               sizeof(uint32_t) +
           distances.capacity() * sizeof(float);
  }
};

/// Hands out scratches; as many exist as were ever in use at once. (Pool worker numbers are no key:
/// after its close the pool runs jobs on the submitting thread.)
///
/// Whoever reads links holds a scratch meanwhile, so this also knows when all who might have seen a
/// link are gone.
class ScratchPool {
 public:
  ScratchPool(uint64_t query_bytes, const Params &params)
      : query_bytes_(query_bytes), params_(params) {}

  std::unique_ptr<Scratch> take();
  void give(std::unique_ptr<Scratch> scratch);
  /// True: no scratch is in use. False: `ticket->resume` will be called once, when those in use now
  /// have been given back. One caller at a time.
  bool outlast(Gate::Ticket *ticket);
  /// Bytes of the scratches not in use.
  size_t bytes();

 private:
  const uint64_t query_bytes_;
  const Params params_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Scratch>> free_;
  size_t made_ = 0;
  uint64_t era_ = 0;      // counts calls of `outlast`
  uint64_t current_ = 0;  // in use since the last of them
  uint64_t older_ = 0;    // in use for longer
  Gate::Ticket *waiting_ = nullptr;
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
