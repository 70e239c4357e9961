// The graph: its nodes, its entry point, its counters. Searching, inserting, checking and saving
// are functions over it in files of their own.
#pragma once

#include <annulus/held.h>

#include <atomic>
#include <mutex>
#include <utility>

#include "gate.h"
#include "nodes.h"
#include "params.h"
#include "scratch.h"

namespace annulus::hnsw {

/// Where searches start: a node of the highest level. Packed, so that both change at once.
struct EntryPoint {
  uint32_t slot = kNone;
  uint32_t level = 0;
  bool exists() const { return slot != kNone; }
};

class Graph {
 public:
  /// May throw std::bad_alloc.
  Graph(const annulus_scorer &scorer, const Params &params)
      : Graph(scorer, params, NodeStore(params)) {}
  Graph(const annulus_scorer &scorer, const Params &params, NodeStore nodes)
      : params(params),
        nodes(std::move(nodes)),
        scratches(scorer.query_bytes, params),
        held_(scorer) {}

  const annulus_scorer &scorer() const { return *held_; }

  EntryPoint entry() const {
    const uint64_t packed = entry_.load(std::memory_order_acquire);
    return {static_cast<uint32_t>(packed), static_cast<uint32_t>(packed >> 32)};
  }
  void set_entry(EntryPoint entry) {
    entry_.store(static_cast<uint64_t>(entry.level) << 32 | entry.slot, std::memory_order_release);
  }

  /// Live nodes that are not hidden.
  uint64_t size() const {
    const uint64_t others =
        removed.load(std::memory_order_acquire) + hidden.load(std::memory_order_acquire);
    const uint64_t all = linked.load(std::memory_order_acquire);
    return all > others ? all - others : 0;
  }
  /// Whether a search may come to nodes that it must not return.
  bool keeps_back() const {
    return unrepaired.load(std::memory_order_acquire) > 0 ||
           hidden.load(std::memory_order_acquire) > 0;
  }

  const Params params;
  NodeStore nodes;
  mutable ScratchPool scratches;
  std::atomic<uint64_t> linked{0};   // nodes with links, removed and hidden ones included
  std::atomic<uint64_t> removed{0};  // of those, the removed
  /// Hidden nodes, and those being linked to be hidden: each counted before it is.
  std::atomic<uint64_t> hidden{0};
  /// Removals not yet repaired, each counted before it takes effect.
  std::atomic<uint64_t> unrepaired{0};
  std::atomic<bool> closing{false};
  /// Held while a node above the entry point's level is linked, so that each level has one
  /// component.
  std::mutex raise_mutex;
  Gate gate;

 private:
  Held<annulus_scorer> held_;
  std::atomic<uint64_t> entry_{kNone};
};

}  // namespace annulus::hnsw
