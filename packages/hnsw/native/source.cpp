#include "source.h"

#include "search.h"

namespace annulus::hnsw {

Source::Source(std::shared_ptr<const Graph> graph, const Held<annulus_pool> &pool)
    : graph_(std::move(graph)), pool_(pool) {
  table_ = {{ANNULUS_ABI_MAGIC, ANNULUS_KIND_SOURCE, sizeof(annulus_source), ANNULUS_ABI_VERSION},
            this,
            &Source::retain,
            &Source::release,
            graph_->scorer().dimension,
            &Source::candidates};
}

void Source::retain(void *self) {
  static_cast<Source *>(self)->references_.fetch_add(1, std::memory_order_relaxed);
}

void Source::release(void *self) {
  auto *source = static_cast<Source *>(self);
  if (source->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete source;
}

void Source::candidates(void *self, annulus_candidate_request *request) {
  const auto *source = static_cast<Source *>(self);
  search(*source->graph_, *request, &*source->pool_);
}

}  // namespace annulus::hnsw
