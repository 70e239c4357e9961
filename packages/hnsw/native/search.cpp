#include "search.h"

#include <algorithm>
#include <cmath>
#include <new>

#include "scan.h"
#include "strategy.h"

namespace annulus::hnsw {

namespace {

void hand_out(const Graph &graph, Scratch &scratch, const Beam &beam,
              annulus_candidate_request &request) {
  request.found = std::min(request.k, beam.size());
  for (uint32_t i = 0; i < request.found; ++i) {
    request.slots[i] = slot_of(beam[i]);
    request.distances[i] = distance_of(beam[i]);
  }
  const annulus_scorer &scorer = graph.scorer();
  if (request.bounds != nullptr && scorer.query_bounds != nullptr) {
    scorer.query_bounds(scorer.self, scratch.query.data(), request.slots, request.distances,
                        request.found, request.bounds);
  }
}

// Below this share of nodes that are not removed they are picked out on the way.
constexpr double kBeamPastShare = 0.5;

// How wide a beam must be to hold `width` nodes that are not removed, on average.
uint32_t width_past_removed(uint32_t width, double share) {
  return static_cast<uint32_t>(std::ceil(width / share));
}

// Takes the nodes that are not removed from the beam into the results. False when they are fewer
// than `enough`, though there are more to find.
bool pick_live(const Graph &graph, Scratch &scratch, const Admission &admission, uint32_t width,
               uint32_t enough, uint32_t beam_width) {
  const Beam &beam = scratch.beam;
  scratch.results.reset(width);
  uint32_t live = 0;
  for (uint32_t i = 0; i < beam.size() && live < width; ++i) {
    const Entry entry = beam[i] & ~kExpanded;
    if (!admission.admits(graph.nodes, slot_of(entry))) continue;
    scratch.results.insert(entry);
    ++live;
  }
  return live >= enough || beam.size() < beam_width;
}

int32_t run(const Graph &graph, Scratch &scratch, annulus_candidate_request &request,
            const annulus_pool *pool, uint32_t skipped) {
  const EntryPoint entry = graph.entry();
  if (!entry.exists()) return ANNULUS_OK;
  Admission admission;
  admission.allowed = request.allowed;
  admission.allowed_bits = request.allowed_bits;
  admission.ask_state = graph.keeps_back();

  const annulus_scorer &scorer = graph.scorer();
  scorer.query_prepare(scorer.self, request.query, scratch.query.data());
  const uint64_t nodes = std::max<uint64_t>(graph.linked.load(std::memory_order_acquire), 1);
  const auto width =
      static_cast<uint32_t>(std::min<uint64_t>(std::max({request.ef, request.k, 1u}), nodes));
  const Choice choice = choose_strategy(graph, admission, width);
  const auto scan = [&]() -> int32_t {
    const uint32_t wanted = std::min(width, std::max(request.k, 1u));
    if (!scan_admitted(graph, scratch, admission, choice.admitted, wanted, pool, request)) {
      return ANNULUS_ABORTED;
    }
    hand_out(graph, scratch, scratch.results, request);
    return ANNULUS_OK;
  };
  if (choice.strategy == Strategy::scan) return scan();
  // Of few removed nodes a plain beam holds enough others; a filter's walk costs a fifth more.
  const bool past_removed = choice.strategy == Strategy::walk_admitted &&
                            admission.allowed == nullptr && choice.share >= kBeamPastShare;
  const uint32_t beam_width = past_removed ? width_past_removed(width, choice.share) : width;
  Walk walk(graph, scratch, request.abort);
  walk.start(entry, beam_width, skipped);
  if (!walk.descend(entry.level, 1)) return ANNULUS_ABORTED;
  if (past_removed) {
    if (!walk.widen(0)) return ANNULUS_ABORTED;
    // Fewer than `width` where more than the usual share was removed near the query. Half of it is
    // taken for enough: the second walk costs more than all of the first.
    const uint32_t enough = std::max(request.k, width / 2);
    if (pick_live(graph, scratch, admission, width, enough, beam_width)) {
      hand_out(graph, scratch, scratch.results, request);
      return ANNULUS_OK;
    }
    // Just those near the query were removed. What the beam let go of is known no more: from the
    // start.
    walk.start(entry, width, skipped);
    if (!walk.descend(entry.level, 1)) return ANNULUS_ABORTED;
  }
  if (choice.strategy == Strategy::walk) {
    if (!walk.widen(0)) return ANNULUS_ABORTED;
    hand_out(graph, scratch, scratch.beam, request);
    return ANNULUS_OK;
  }
  walk.begin_admitted(admission, width);
  if (admission.allowed != nullptr) {
    if (!walk.widen_admitted(admission, kProbeTurns)) return ANNULUS_ABORTED;
    // Filter and query exclude each other: a walk would take long or end in the wrong place.
    if (walk.finds_few(choice.share)) return scan();
  }
  const bool done = choice.strategy == Strategy::two_hops ? walk.widen_two_hops(admission)
                                                          : walk.widen_admitted(admission);
  if (!done) return ANNULUS_ABORTED;
  // More are admitted than the beam is wide: two hops did not lead to all.
  if (choice.strategy == Strategy::two_hops && scratch.results.size() < width) return scan();
  hand_out(graph, scratch, scratch.results, request);
  return ANNULUS_OK;
}

}  // namespace

void search(const Graph &graph, annulus_candidate_request &request, const annulus_pool *pool,
            uint32_t skipped) {
  request.found = 0;
  if (graph.closing.load(std::memory_order_acquire)) {
    request.status = ANNULUS_CLOSED;
    return;
  }
  try {
    ScratchLease scratch(graph.scratches);
    request.status = run(graph, *scratch, request, pool, skipped);
  } catch (const std::bad_alloc &) {
    request.status = ANNULUS_OUT_OF_MEMORY;
  }
}

}  // namespace annulus::hnsw
