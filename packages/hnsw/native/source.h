// A graph as a source of candidates for native pipelines (annulus_source).
#pragma once

#include <annulus/abi.h>

#include <atomic>
#include <memory>

#include "graph.h"

namespace annulus::hnsw {

/// Counts its references; the graph lives as long as anyone holds the table. After the graph was
/// closed requests end with ANNULUS_CLOSED.
class Source {
 public:
  /// Starts with one reference, the caller's. Idle workers of `pool` help with what takes long.
  static Source *create(std::shared_ptr<const Graph> graph, const Held<annulus_pool> &pool) {
    return new Source(std::move(graph), pool);
  }
  const annulus_source &table() const { return table_; }
  static void release(void *self);

 private:
  Source(std::shared_ptr<const Graph> graph, const Held<annulus_pool> &pool);
  static void retain(void *self);
  static void candidates(void *self, annulus_candidate_request *request);

  const std::shared_ptr<const Graph> graph_;
  const Held<annulus_pool> pool_;
  std::atomic<uint32_t> references_{1};
  annulus_source table_;
};

}  // namespace annulus::hnsw
