#include "insert_job.h"

namespace annulus::hnsw {

namespace {
// Below this many nodes one thread builds: nodes inserted at the same time do not see each other,
// which matters while they are a good part of the graph.
constexpr uint64_t kSerialNodes = 512;
}  // namespace

InsertJob::InsertJob(std::shared_ptr<Graph> graph, const annulus_pool &pool,
                     std::vector<uint32_t> slots, bool background, Shown shown)
    : SlicedJob(std::move(graph), pool, background), slots_(std::move(slots)), shown_(shown) {
  for (const uint32_t slot : slots_) graph_->nodes.change_state(slot, kFree, kEmpty);
}

InsertJob::After InsertJob::slice(Lane &lane) {
  if (!graph_->gate.enter(&lane)) return After::paused;
  bool more = false;
  try {
    ScratchLease scratch(graph_->scratches);
    const auto end = slice_end();
    do {
      more = insert_next(*scratch);
    } while (more && std::chrono::steady_clock::now() < end);
  } catch (const std::bad_alloc &) {
    fail(ANNULUS_OUT_OF_MEMORY);
    more = false;
  }
  graph_->gate.leave();
  if (more) widen();
  return more ? After::more : After::finished;
}

bool InsertJob::insert_next(Scratch &scratch) {
  if (over()) return false;
  const size_t at = next_.fetch_add(1, std::memory_order_relaxed);
  if (at >= slots_.size()) return false;
  const int32_t status = insert_node(*graph_, slots_[at], scratch, shown_);
  if (status != ANNULUS_OK) {
    fail(status);
    return false;
  }
  report(0, completed_.fetch_add(1, std::memory_order_acq_rel) + 1);
  return true;
}

// Puts the other lanes to work, once.
void InsertJob::widen() {
  if (lanes() == 1 || graph_->linked.load(std::memory_order_relaxed) < kSerialNodes) return;
  if (!widened_.exchange(true, std::memory_order_acq_rel)) start_others();
}

}  // namespace annulus::hnsw
