#include "strategy.h"

#include <algorithm>

namespace annulus::hnsw {

namespace {

// Costs of each place in the beam, as multiples of what a scan pays for a node (15 ns for rows of
// 384 bytes, 50 ns for 768). Both walks cost the same where 20 % are admitted (hnsw-bench
// filter=64).
constexpr double kWalkPerPlace = 20;
constexpr double kTwoHopsPerPlace = 100;
// Where fewer are admitted, two hops lead to too few of them: recall@10 falls below 0.97.
constexpr double kTwoHopShare = 0.03;
// Above this width, shifting entries within the beam costs more than scoring.
constexpr uint32_t kWideBeam = 2048;
constexpr size_t kSampledWords = 1024;

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

Choice choose_strategy(const Graph &graph, const Admission &admission, uint32_t width) {
  const auto nodes = static_cast<double>(graph.linked.load(std::memory_order_relaxed));
  const uint64_t live = graph.size();
  const uint64_t admitted =
      admission.allowed == nullptr ? live : std::min(live, estimate_allowed(admission));
  const double share = static_cast<double>(admitted) / std::max(nodes, 1.0);
  const auto scan = static_cast<double>(admitted);
  if (width >= admitted) return {Strategy::scan, admitted, share};
  // A walk must meet nodes / admitted times as many nodes for the same number of results.
  const double walk = kWalkPerPlace * width / share;
  if (admission.allowed == nullptr) {
    if (width > kWideBeam && walk > scan) return {Strategy::scan, admitted, share};
    return {admission.everything() ? Strategy::walk : Strategy::walk_admitted, admitted, share};
  }
  const double hops = share < kTwoHopShare ? scan + 1 : kTwoHopsPerPlace * width;
  if (scan <= std::min(walk, hops)) return {Strategy::scan, admitted, share};
  return {hops < walk ? Strategy::two_hops : Strategy::walk_admitted, admitted, share};
}

}  // namespace annulus::hnsw
