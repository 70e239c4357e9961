#include "scan.h"

#include <annulus/sieve.h>
#include <annulus/together.h>

#include <algorithm>
#include <atomic>

namespace annulus::hnsw {

namespace {

constexpr uint32_t kBatch = Sieve::batch;  // asking for the first rows of each costs little
// What is worth waking a worker for: some 0.2 ms, or 0.05 by sketches. More parts than workers,
// because the admitted may be spread unevenly.
constexpr uint64_t kPartNodes = 4096;
constexpr uint64_t kMaxParts = 32;

class Scan {
 public:
  Scan(const Graph &graph, Scratch &scratch, const Admission &admission, const int32_t *abort)
      : graph_(graph), query_(scratch.query.data()), admission_(admission), abort_(abort) {}

  /// Looks at sketches first, if there are any; some of the `admitted` below `end` begin them.
  void use_sketches(const float *vector, AlignedVector<uint8_t> &room, uint64_t admitted,
                    uint64_t end) {
    sketched_ = SketchedQuery::of(graph_.scorer(), vector, room, [&](uint32_t *slots, size_t most) {
      const uint64_t every = admitted / most + 1;
      size_t n = 0;
      uint64_t seen = 0;
      each(0, end, [&](uint32_t slot) {
        if (seen++ % every == 0) slots[n++] = slot;
        return n < most;
      });
      return n;
    });
  }

  /// The nearest of the admitted slots in [from, to); `from` is a multiple of 32.
  void part(uint64_t from, uint64_t to, Beam &results) {
    uint32_t slots[kBatch];
    uint32_t n = 0;
    bool going = true;
    Sieve sieve(sketched_);
    const auto look_at = [&](const uint32_t *some, size_t count) { score(some, count, results); };
    const auto limit_of = [&] { return limit(results); };
    each(from, to, [&](uint32_t slot) {
      slots[n++] = slot;
      if (n < kBatch) return true;
      sieve.add(slots, n, limit_of, look_at);
      n = 0;
      going = !aborted();
      return going;
    });
    if (!going) return;
    sieve.add(slots, n, limit_of, look_at);
    sieve.flush(look_at);
  }

  bool aborted() const {
    return abort_ != nullptr && __atomic_load_n(abort_, __ATOMIC_RELAXED) != 0;
  }

 private:
  template <typename Visit>
  void each(uint64_t from, uint64_t to, Visit visit) const {
    const uint32_t *words =
        admission_.allowed == nullptr ? nullptr : admission_.allowed + from / 32;
    Bitmap(words, to - from).each([&](uint64_t bit) {
      const auto slot = static_cast<uint32_t>(from + bit);
      return graph_.nodes.state(slot) != kLinked || visit(slot);
    });
  }

  void score(const uint32_t *slots, size_t n, Beam &results) const {
    const annulus_scorer &scorer = graph_.scorer();
    for (size_t done = 0; done < n; done += kBatch) {
      const size_t count = std::min<size_t>(n - done, kBatch);
      float distances[kBatch];
      scorer.query_distances(scorer.self, query_, slots + done, count, distances);
      for (size_t i = 0; i < count; ++i) {
        const Entry entry = make_entry(distances[i], slots[done + i]);
        if (entry < results.bound()) results.insert(entry);
      }
    }
  }

  // What is behind the bound of any part is behind that of all.
  float limit(const Beam &results) {
    uint64_t shared = bound_.load(std::memory_order_relaxed);
    const Entry own = results.bound();
    while (own < shared && !bound_.compare_exchange_weak(shared, own, std::memory_order_relaxed)) {
    }
    return distance_of(std::min(own, shared));
  }

  const Graph &graph_;
  const uint8_t *query_;
  const Admission &admission_;
  const int32_t *abort_;
  SketchedQuery sketched_;
  std::atomic<Entry> bound_{kWorstEntry};
};

}  // namespace

bool scan_admitted(const Graph &graph, Scratch &scratch, const Admission &admission,
                   uint64_t admitted, uint32_t width, const annulus_pool *pool,
                   const annulus_candidate_request &request) {
  Scan scan(graph, scratch, admission, request.abort);
  const uint64_t reserved = graph.nodes.reserved();
  const uint64_t end =
      admission.allowed == nullptr ? reserved : std::min(reserved, admission.allowed_bits);
  scratch.results.reset(width);
  if (admitted >= sieve_from) scan.use_sketches(request.query, scratch.sketched, admitted, end);
  // Where other jobs keep the workers busy, parts would only find their bounds one by one.
  const bool idle = pool != nullptr && pool->jobs(pool->self) <= pool->threads(pool->self);
  const uint64_t parts = idle ? std::min(admitted / kPartNodes, kMaxParts) : 1;
  if (parts < 2) {
    scan.part(0, end, scratch.results);
    return !scan.aborted();
  }
  // Whole words of the bitmap each.
  const uint64_t size = (end / parts / 32 + 1) * 32;
  std::vector<Beam> &found = scratch.parts;
  if (found.size() < parts) found.resize(parts);
  for (uint64_t i = 0; i < parts; ++i) found[i].reset(width);
  run_together(pool, parts, [&](size_t i) {
    const uint64_t from = std::min(i * size, end);
    scan.part(from, std::min(from + size, end), found[i]);
  });
  if (scan.aborted()) return false;
  for (uint64_t i = 0; i < parts; ++i) {
    for (uint32_t at = 0; at < found[i].size(); ++at) {
      if (found[i][at] < scratch.results.bound()) scratch.results.insert(found[i][at]);
    }
  }
  return true;
}

}  // namespace annulus::hnsw
