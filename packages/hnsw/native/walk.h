// One walk through the graph for one query: with a narrow beam down the levels, then with a wide
// one (Malkov & Yashunin 2016, algorithms 2 and 5).
//
// One beam and one visited set serve all levels: what was scored on the way down is neither scored
// again nor lost, it is where the next level starts.
#pragma once

#include <annulus/abi.h>
#include <annulus/bitmap.h>

#include "graph.h"

namespace annulus::hnsw {

/// Which nodes may be results. Every node is traversed.
struct Admission {
  const uint32_t *allowed = nullptr;  // bitmap, or NULL for all
  uint64_t allowed_bits = 0;
  bool ask_state = false;  // some nodes are removed
  bool staying = false;    // whatever no repair is taking out, removed or not (for insertions)

  bool everything() const { return allowed == nullptr && !ask_state; }
  bool admits(const NodeStore &nodes, uint32_t slot) const {
    if (staying) return nodes.state(slot) != kLeaving;
    if (allowed != nullptr && !Bitmap(allowed, allowed_bits).test(slot)) return false;
    return !ask_state || is_returned(nodes.state(slot));
  }
};

class Walk {
 public:
  /// `scratch.query` holds the prepared query. `abort` may be NULL.
  Walk(const Graph &graph, Scratch &scratch, const int32_t *abort)
      : graph_(graph), scratch_(scratch), scorer_(graph.scorer()), abort_(abort) {}

  /// Begins at the entry point with a beam of `width`. Unless it is the entry point, `skipped` is
  /// neither found nor passed through by the walks that ask for no admission.
  void start(EntryPoint entry, uint32_t width, uint32_t skipped = kNone);
  /// Moves towards the query on the levels `from` to `to`, both included, downwards: until the few
  /// nearest nodes of each have been expanded. False when aborted.
  bool descend(uint32_t from, uint32_t to);
  /// Fills the beam with the nearest nodes of a level, until the nearest `among` of it have been
  /// expanded. False when aborted.
  bool widen(uint32_t level, uint32_t among = UINT32_MAX);
  /// Lets the nearest `width` admitted nodes of level 0 be gathered in `scratch.results`, from what
  /// the beam has.
  void begin_admitted(const Admission &admission, uint32_t width);
  /// Gathers them, for at most `turns` expansions; it may be gone on with. False when aborted.
  bool widen_admitted(const Admission &admission, uint32_t turns = UINT32_MAX);
  /// Whether among the nodes that came near enough by now far fewer than `share` were admitted, too
  /// few to be chance.
  bool finds_few(double share) const {
    return static_cast<double>(hits_) + 2 < share / 2 * static_cast<double>(near_);
  }
  /// The same as widen_admitted, but scores admitted nodes only, and passes through others to their
  /// neighbours (two-hop expansion as in ACORN, Patel et al. 2024). The admission has a bitmap.
  bool widen_two_hops(const Admission &admission);

 private:
  bool aborted() const {
    return abort_ != nullptr && __atomic_load_n(abort_, __ATOMIC_RELAXED) != 0;
  }
  uint32_t score_neighbours(uint32_t slot, uint32_t level, uint32_t next);
  void take_in(uint32_t n);
  uint32_t collect_two_hops(const Admission &admission, uint32_t slot);
  uint32_t collect_seeds(const Admission &admission);
  void score(uint32_t n);
  void push_found(uint32_t n);

  const Graph &graph_;
  Scratch &scratch_;
  const annulus_scorer &scorer_;
  const int32_t *abort_;
  uint64_t near_ = 0;  // scored and below the bound
  uint64_t hits_ = 0;  // of those, the admitted
};

}  // namespace annulus::hnsw
