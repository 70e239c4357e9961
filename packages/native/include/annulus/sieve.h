// A scan's way past codes that are too far away, by the sketches of a scorer.
#ifndef ANNULUS_SIEVE_H
#define ANNULUS_SIEVE_H

#include <annulus/abi.h>
#include <annulus/aligned.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace annulus {

/// Codes from which on sketches are looked at first: for fewer it costs as much to prepare the
/// query for them.
constexpr uint64_t sieve_from = 2048;

/// What threads that scan for one query share.
struct SketchedQuery {
  const annulus_scorer *scorer = nullptr;
  const uint8_t *query = nullptr;  // NULL: everything is looked at

  /// Prepares the vector in `room`, which must stay. `sample(slots, most)` gives some of the slots
  /// that will be scanned, and how many; it is asked only when there are no sketches yet.
  template <typename Sample>
  static SketchedQuery of(const annulus_scorer &scorer, const float *vector,
                          AlignedVector<uint8_t> &room, Sample sample) {
    constexpr size_t most = 256;
    if (scorer.sketch_query_bytes == 0) return {};
    room.resize(scorer.sketch_query_bytes);
    if (scorer.sketch_prepare(scorer.self, vector, room.data()) == 0) {
      uint32_t slots[most];
      const size_t n = sample(slots, most);
      if (scorer.sketch_begin(scorer.self, slots, n) == 0) return {};
      if (scorer.sketch_prepare(scorer.self, vector, room.data()) == 0) return {};
    }
    return {&scorer, room.data()};
  }
};

/// Hands on to `score(slots, n)` what may be near enough, several at a time. One thread.
class Sieve {
 public:
  explicit Sieve(const SketchedQuery &query) : query_(query) {}

  /// At most `batch` slots, which it moves; no distance above `limit()` is of use.
  static constexpr size_t batch = 256;
  template <typename Limit, typename Score>
  void add(uint32_t *slots, size_t n, Limit limit, Score score) {
    if (query_.query == nullptr) return score(slots, n);
    // Before there is a limit, no more than it takes to have one.
    float most = limit();
    while (n > 0 && !std::isfinite(most)) {
      const size_t some = std::min(n, scored_at_once);
      score(slots, some);
      slots += some;
      n -= some;
      most = limit();
    }
    const annulus_scorer &scorer = *query_.scorer;
    size_t unknown = 0;
    const size_t kept = scorer.sketch_keep(scorer.self, query_.query, slots, n, most, &unknown);
    looked_at_ += n - unknown;
    kept_ += kept - unknown;
    for (size_t i = 0; i < kept; ++i) waiting_[waiting_count_++] = slots[i];
    if (waiting_count_ >= scored_at_once) flush(score);
    // Most of the codes are too near to be told apart by sketches.
    if (looked_at_ >= judged_from && 2 * kept_ > looked_at_) query_.query = nullptr;
  }

  /// At the end.
  template <typename Score>
  void flush(Score score) {
    score(waiting_, waiting_count_);
    waiting_count_ = 0;
  }

 private:
  static constexpr size_t scored_at_once = 32;
  static constexpr uint64_t judged_from = 2048;

  SketchedQuery query_;
  uint64_t looked_at_ = 0;
  uint64_t kept_ = 0;
  uint32_t waiting_[scored_at_once + batch];
  size_t waiting_count_ = 0;
};

}  // namespace annulus

#endif
