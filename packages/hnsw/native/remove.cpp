#include "remove.h"

namespace annulus::hnsw {

bool remove_node(Graph &graph, uint32_t slot) {
  graph.unrepaired.fetch_add(1, std::memory_order_acq_rel);
  for (;;) {
    const uint8_t state = graph.nodes.state(slot);
    switch (state) {
      case kEmpty:
      case kFree:
        if (graph.nodes.change_state(slot, state, kSkipped)) return true;
        break;
      case kLinking:  // its insertion counts it
      case kHiding:
        if (graph.nodes.change_state(slot, state, kRemoved)) return true;
        break;
      case kHidden:
        if (!graph.nodes.change_state(slot, kHidden, kRemoved)) break;
        graph.removed.fetch_add(1, std::memory_order_acq_rel);
        graph.hidden.fetch_sub(1, std::memory_order_acq_rel);
        return true;
      case kLinked:
        if (!graph.nodes.change_state(slot, kLinked, kRemoved)) break;
        graph.removed.fetch_add(1, std::memory_order_acq_rel);
        return true;
      default:
        graph.unrepaired.fetch_sub(1, std::memory_order_acq_rel);
        return false;
    }
  }
}

bool reveal_node(Graph &graph, uint32_t slot) {
  if (!graph.nodes.change_state(slot, kHidden, kLinked)) return false;
  graph.hidden.fetch_sub(1, std::memory_order_acq_rel);
  return true;
}

}  // namespace annulus::hnsw
