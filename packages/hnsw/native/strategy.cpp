#include "strategy.h"

#include <algorithm>

namespace annulus::hnsw {

namespace {

// A walk scores about this many nodes for each place in the beam (8 to 15 on the sets measured).
constexpr uint64_t kScoredPerPlace = 10;
// Above this width, shifting entries within the beam costs more than scoring.
constexpr uint32_t kWideBeam = 2048;
constexpr size_t kSampledWords = 1024;
constexpr uint32_t kBatch = 64;

// Set bits, exactly for small bitmaps and from evenly spaced words for large ones.
uint64_t estimate_allowed(const Admission &admission) {
  const size_t words = bitmap_words(admission.allowed_bits);
  if (words <= kSampledWords) return Bitmap(admission.allowed, admission.allowed_bits).count();
  uint64_t ones = 0;
  for (size_t i = 0; i < kSampledWords; ++i) {
    ones += count_ones(admission.allowed[i * words / kSampledWords]);
  }
  return ones * words / kSampledWords;
}

}  // namespace

Strategy choose_strategy(const Graph &graph, const Admission &admission, uint32_t width) {
  const uint64_t nodes = graph.linked.load(std::memory_order_relaxed);
  const uint64_t live = graph.size();
  const uint64_t admitted =
      admission.allowed == nullptr ? live : std::min(live, estimate_allowed(admission));
  // A walk must meet nodes / admitted times as many nodes for the same number of results.
  const uint64_t walk = kScoredPerPlace * width * nodes / std::max<uint64_t>(admitted, 1);
  if (width >= admitted || (width > kWideBeam && walk > admitted) ||
      (admission.allowed != nullptr && walk > admitted)) {
    return Strategy::scan;
  }
  return admission.everything() ? Strategy::walk : Strategy::walk_admitted;
}

bool scan_admitted(const Graph &graph, Scratch &scratch, const Admission &admission, uint32_t width,
                   const int32_t *abort) {
  const annulus_scorer &scorer = graph.scorer();
  Beam &results = scratch.results;
  results.reset(width);
  uint32_t slots[kBatch];
  float distances[kBatch];
  uint32_t n = 0;
  const auto flush = [&] {
    scorer.query_distances(scorer.self, scratch.query.data(), slots, n, distances);
    for (uint32_t i = 0; i < n; ++i) {
      const Entry entry = make_entry(distances[i], slots[i]);
      if (entry < results.bound()) results.insert(entry);
    }
    n = 0;
    return abort == nullptr || __atomic_load_n(abort, __ATOMIC_RELAXED) == 0;
  };
  bool going = true;
  const uint64_t end = graph.nodes.reserved();
  const uint64_t bits = admission.allowed == nullptr ? end : std::min(end, admission.allowed_bits);
  Bitmap(admission.allowed, bits).each([&](uint64_t bit) {
    const auto slot = static_cast<uint32_t>(bit);
    if (graph.nodes.state(slot) == kLinked) slots[n++] = slot;
    if (n == kBatch) going = flush();
    return going;
  });
  return going && flush();
}

}  // namespace annulus::hnsw
