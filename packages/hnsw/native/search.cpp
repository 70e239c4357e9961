#include "search.h"

#include <algorithm>
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

int32_t run(const Graph &graph, Scratch &scratch, annulus_candidate_request &request,
            const annulus_pool *pool, uint32_t skipped) {
  const EntryPoint entry = graph.entry();
  if (!entry.exists()) return ANNULUS_OK;
  Admission admission;
  admission.allowed = request.allowed;
  admission.allowed_bits = request.allowed_bits;
  admission.ask_state = graph.unrepaired.load(std::memory_order_acquire) > 0;

  const annulus_scorer &scorer = graph.scorer();
  scorer.query_prepare(scorer.self, request.query, scratch.query.data());
  const uint64_t nodes = std::max<uint64_t>(graph.linked.load(std::memory_order_acquire), 1);
  const auto width =
      static_cast<uint32_t>(std::min<uint64_t>(std::max({request.ef, request.k, 1u}), nodes));
  const Choice choice = choose_strategy(graph, admission, width);
  const auto scan = [&]() -> int32_t {
    const uint32_t wanted = std::min(width, std::max(request.k, 1u));
    if (!scan_admitted(graph, scratch, admission, choice.admitted, wanted, pool, request.abort)) {
      return ANNULUS_ABORTED;
    }
    hand_out(graph, scratch, scratch.results, request);
    return ANNULUS_OK;
  };
  if (choice.strategy == Strategy::scan) return scan();
  Walk walk(graph, scratch, request.abort);
  walk.start(entry, width, skipped);
  if (!walk.descend(entry.level, 1)) return ANNULUS_ABORTED;
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
