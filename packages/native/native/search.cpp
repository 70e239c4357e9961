#include "search.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace annulus {

Search::Search(std::vector<float> query, std::vector<CandidateSource> sources,
               Held<annulus_reader> reader, const SearchOptions &options)
    : query_(std::move(query)),
      sources_(std::move(sources)),
      reader_(std::move(reader)),
      options_(options),
      slots_(options.candidates * sources_.size()),
      distances_(slots_.size()),
      order_(slots_.size()) {}

void Search::start(const annulus_pool &pool, const int32_t *abort, Done done, void *ctx) {
  abort_ = abort;
  done_ = done;
  ctx_ = ctx;
  pool.submit(
      pool.self, [](void *self, uint32_t worker) { static_cast<Search *>(self)->run(worker); },
      this, 0);
}

void Search::run(uint32_t worker) {
  const int32_t status = collect(worker);
  if (status != ANNULUS_OK) return finish(status);
  if (reader_ && candidate_count_ > 0) return rescore();
  finish(ANNULUS_OK);
}

// Fills slots_ and distances_ with the candidates of all sources, one after the other.
int32_t Search::collect(uint32_t worker) {
  for (const CandidateSource &part : sources_) {
    annulus_candidate_request request{};
    request.query = query_.data();
    request.k = options_.candidates;
    request.ef = options_.ef;
    request.allowed = part.allowed;
    request.allowed_bits = part.allowed_bits;
    request.abort = abort_;
    request.worker = worker;
    request.slots = slots_.data() + candidate_count_;
    request.distances = distances_.data() + candidate_count_;
    part.source->candidates(part.source->self, &request);
    if (request.status != ANNULUS_OK) return request.status;
    candidate_count_ += request.found;
  }
  // One global batch: the best of all sources, however many each gave.
  rank(candidate_count_);
  candidate_count_ = std::min(candidate_count_, options_.candidates);
  return ANNULUS_OK;
}

void Search::rescore() {
  request_.query = query_.data();
  request_.metric = options_.metric;
  request_.slots = slots_.data();
  request_.n = candidate_count_;
  request_.out = distances_.data();
  request_.abort = abort_;
  request_.ctx = this;
  request_.done = [](annulus_score_request *request) {
    auto *search = static_cast<Search *>(request->ctx);
    if (request->status == ANNULUS_OK) {
      search->reads_ = search->candidate_count_;
      search->rank(search->candidate_count_);
    }
    search->finish(request->status);
  };
  reader_->score(reader_->self, &request_);
}

// Sorts the first `count` pairs by distance, ties by lower slot.
void Search::rank(uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) order_[i] = {distances_[i], slots_[i]};
  std::sort(order_.begin(), order_.begin() + count);
  for (uint32_t i = 0; i < count; ++i) {
    distances_[i] = order_[i].first;
    slots_[i] = order_[i].second;
  }
}

void Search::finish(int32_t status) {
  status_ = status;
  found_ = status == ANNULUS_OK ? std::min(candidate_count_, options_.limit) : 0;
  done_(this, ctx_);
}

}  // namespace annulus
