// One search, folded into one crossing: candidates from codes on a pool worker, then exact
// distances from the original vectors wherever the storage reads them, then the best of those.
//
// Lifetime: a Search is kept by its owner until `done` was called; it is called exactly once, on a
// pool worker or on a thread of the storage.
#pragma once

#include <annulus/abi.h>
#include <annulus/held.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "read_plan.h"

namespace annulus {

/// A part of the collection to take candidates from (the graph; points not yet linked).
struct CandidateSource {
  Held<annulus_source> source;
  const uint32_t *allowed = nullptr;  // bitmap, or NULL for all
  uint64_t allowed_bits = 0;
};

struct SearchOptions {
  uint32_t metric = 0;
  uint32_t limit = 10;       // results wanted
  uint32_t candidates = 10;  // taken from each source, at least `limit`
  uint32_t ef = 64;
  Rescore rescore = Rescore::all;
  double loss = 0.001;      // share of the results that may be missed, unless all are read
  bool background = false;  // start only when no other job waits
};

/// What searches of one kind share.
struct SearchPlan {
  Held<annulus_pool> pool;
  std::vector<CandidateSource> sources;  // at least one, all of `dimension`
  /// May be empty: the estimates of the codes are then the result.
  Held<annulus_reader> reader;
  SearchOptions options;
  size_t dimension = 0;
};

/// May be used for one query after another; what it has allocated stays.
class Search {
 public:
  using Done = void (*)(Search *search, void *ctx);

  /// Takes a copy of a query of the plan's dimension. Not while a search is under way.
  void prepare(std::shared_ptr<const SearchPlan> plan, const float *query);
  /// Lets go of the plan.
  void release() { plan_.reset(); }

  /// Starts on the plan's pool; `abort` is read until `done`.
  void start(const int32_t *abort, Done done, void *ctx);
  /// The same on this thread, which is a worker: `done` may be called before it returns.
  void run_here(uint32_t worker, const int32_t *abort, Done done, void *ctx);

  const std::vector<float> &query() const { return query_; }
  /// Candidates that memory is kept for.
  size_t room() const { return slots_.capacity(); }

  int32_t status() const { return status_; }
  int32_t detail() const { return request_.detail; }
  uint64_t failed_slot() const { return request_.slot; }
  /// What the distances are: estimates with bounds, exact, or each as `read` tells.
  enum class Outcome : uint32_t { estimates = 0, exact = 1, mixed = 2 };
  Outcome outcome() const;
  uint32_t found() const { return found_; }
  uint32_t candidates() const { return candidate_count_; }
  uint32_t reads() const { return reads_; }
  const uint32_t *slots() const { return slots_.data(); }
  const float *distances() const { return distances_.data(); }
  /// Of the estimates, where they are the result and some rule of rescoring asked for them.
  const annulus_bound *bounds() const { return bounds_.data(); }
  /// 1 where a distance is exact.
  const uint8_t *read() const { return read_.data(); }

 private:
  void expect_end(const int32_t *abort, Done done, void *ctx);
  void run(uint32_t worker);
  int32_t collect(uint32_t worker);
  void drop_repeated();
  void expect();
  void read_on();
  void on_read();
  size_t plan_next();
  void rank(uint32_t count);
  void finish(int32_t status);

  std::shared_ptr<const SearchPlan> plan_;
  std::vector<float> query_;
  std::vector<uint32_t> slots_;
  std::vector<float> distances_;
  std::vector<annulus_bound> bounds_;  // of the estimates; infinite where a code has none
  std::vector<uint8_t> read_;
  struct Candidate {
    float distance;
    uint32_t slot;
    annulus_bound bound;
    uint8_t read;
  };
  std::vector<Candidate> order_;  // scratch, so that no worker allocates
  // Only with a reader: estimates beside what replaces them in distances_, and one batch.
  std::vector<float> estimates_;
  std::vector<uint32_t> batch_;  // indexes of candidates
  std::vector<uint32_t> batch_slots_;
  std::vector<float> batch_distances_;
  annulus_score_request request_{};
  const int32_t *abort_ = nullptr;
  Done done_ = nullptr;
  void *ctx_ = nullptr;
  uint32_t candidate_count_ = 0;
  uint32_t reads_ = 0;
  uint32_t found_ = 0;
  int32_t status_ = ANNULUS_OK;
};

}  // namespace annulus
