#include "remove.h"

namespace annulus::hnsw {

bool remove_node(Graph &graph, uint32_t slot) {
  graph.any_removed.store(true, std::memory_order_release);
  for (;;) {
    const uint8_t state = graph.nodes.state(slot);
    switch (state) {
      case kEmpty:
        if (graph.nodes.change_state(slot, kEmpty, kSkipped)) return true;
        break;
      case kLinking:  // its insertion counts it
        if (graph.nodes.change_state(slot, kLinking, kRemoved)) return true;
        break;
      case kLinked:
        if (!graph.nodes.change_state(slot, kLinked, kRemoved)) break;
        graph.removed.fetch_add(1, std::memory_order_acq_rel);
        return true;
      default:
        return false;
    }
  }
}

}  // namespace annulus::hnsw
