// The graph as a file.
//
// Kind "hnsw", version 1, in the frame of annulus/snapshot_format.h. Slots are 0 to `slots` - 1.
//   section 1  the fields of SnapshotFields
//   section 2  a state byte (NodeState) a slot; 1 (being linked) and 6 (freed) do not occur
//   section 3  a level byte a slot; 0 where there are no links
//   section 4  level 0: 2m words a slot, each a linked slot + 1, its top bit set
//              for a tree link (links.h); 0 ends a list
//   section 5  upper levels: for each slot with links, ascending, m such words for levels 1 to its
//   own
//
// Section 4 is laid out as in memory.
#pragma once

#include <annulus/file.h>

#include <memory>
#include <string>
#include <utility>

#include "graph.h"

namespace annulus::hnsw {

struct SnapshotFields {
  uint32_t m;
  uint32_t ef_construct;
  uint64_t seed;
  uint64_t slots;
  uint64_t linked;
  uint64_t removed;
  uint32_t entry_slot;  // kNone when the graph is empty
  uint32_t entry_level;
};
static_assert(sizeof(SnapshotFields) == 48, "the format has no gaps");

/// Writes the graph as it is; searches and removals go on, insertions pause until the bytes are
/// written (not until they are synced). A removal meanwhile may or may not be in the file.
FileStatus save(Graph &graph, const std::string &path, const int32_t *abort);

/// What a file says of a graph. All of it has been checked, but for the codes of its slots: they
/// may still be on their way.
struct SavedGraph {
  SavedGraph(std::string path, const Params &params, uint64_t slots)
      : path(std::move(path)), params(params), slots(slots), nodes(params) {}

  /// The graph itself; `corrupt` when the scorer does not know all slots. May throw std::bad_alloc.
  FileStatus complete(const annulus_scorer &scorer, std::shared_ptr<Graph> &graph) &&;

  const std::string path;
  const Params params;
  const uint64_t slots;
  NodeStore nodes;
  uint64_t linked = 0;
  uint64_t removed = 0;
  uint64_t unrepaired = 0;
  EntryPoint entry;
};

/// Whatever is wrong with the file is `corrupt` or `version`, and nothing of it is used. `abort`
/// may be NULL.
FileStatus read_graph(const std::string &path, const int32_t *abort,
                      std::unique_ptr<SavedGraph> &graph);

/// Both steps at once.
FileStatus load(const std::string &path, const annulus_scorer &scorer, const int32_t *abort,
                std::shared_ptr<Graph> &graph);

}  // namespace annulus::hnsw
