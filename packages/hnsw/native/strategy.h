// How a search goes about it: walk the graph, or score every admitted node.
#pragma once

#include "walk.h"

namespace annulus::hnsw {

enum class Strategy {
  walk,           // everything is admitted
  walk_admitted,  // walk through all, keep what is admitted
  two_hops,       // walk through admitted nodes, passing through others
  scan,           // score all that is admitted: few are, or nearly all are wanted
};

struct Choice {
  Strategy strategy = Strategy::walk;
  uint64_t admitted = 0;  // nodes, about
  double share = 1;       // of all
};

/// The cheapest for a beam of `width`, by an estimate of what each would cost were the admitted
/// spread evenly. Where a walk then finds that far fewer than `share` are admitted around the
/// query, it must give up for a scan (`kProbeTurns`).
Choice choose_strategy(const Graph &graph, const Admission &admission, uint32_t width);

/// Expansions after which a filtered walk knows what surrounds the query.
constexpr uint32_t kProbeTurns = 16;

}  // namespace annulus::hnsw
