#include "search.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "read_plan.h"

namespace annulus {

Search::Search(std::vector<float> query, std::vector<CandidateSource> sources,
               Held<annulus_reader> reader, const SearchOptions &options)
    : query_(std::move(query)),
      sources_(std::move(sources)),
      reader_(std::move(reader)),
      options_(options),
      slots_(options.candidates * sources_.size()),
      distances_(slots_.size()),
      bounds_(slots_.size(), std::numeric_limits<float>::infinity()),
      order_(slots_.size()) {}

void Search::start(const annulus_pool &pool, const int32_t *abort, Done done, void *ctx) {
  abort_ = abort;
  done_ = done;
  ctx_ = ctx;
  pool.submit(
      pool.self, [](void *self, uint32_t worker) { static_cast<Search *>(self)->run(worker); },
      this, options_.background ? 1 : 0);
}

void Search::run(uint32_t worker) {
  const int32_t status = collect(worker);
  if (status != ANNULUS_OK) return finish(status);
  if (!reader_ || candidate_count_ == 0) return finish(ANNULUS_OK);
  const size_t first = options_.bounded ? reads_needed(distances_.data(), bounds_.data(),
                                                       candidate_count_, options_.limit, 0, 0)
                                        : candidate_count_;
  read(0, static_cast<uint32_t>(first));
}

// Fills slots_, distances_ and bounds_ with the candidates of all sources, nearest first.
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
    request.bounds = options_.bounded ? bounds_.data() + candidate_count_ : nullptr;
    part.source->candidates(part.source->self, &request);
    if (request.status != ANNULUS_OK) return request.status;
    candidate_count_ += request.found;
  }
  if (sources_.size() > 1) drop_repeated();
  // One global batch: the best of all sources, however many each gave.
  rank(candidate_count_);
  candidate_count_ = std::min(candidate_count_, options_.candidates);
  return ANNULUS_OK;
}

// Sources may overlap: a slot that is being linked is in the graph already and still among the
// codes to be scanned. It counts once.
void Search::drop_repeated() {
  for (uint32_t i = 0; i < candidate_count_; ++i)
    order_[i] = {distances_[i], slots_[i], bounds_[i]};
  const auto end = order_.begin() + candidate_count_;
  std::sort(order_.begin(), end,
            [](const Candidate &a, const Candidate &b) { return a.slot < b.slot; });
  const auto last = std::unique(
      order_.begin(), end, [](const Candidate &a, const Candidate &b) { return a.slot == b.slot; });
  candidate_count_ = static_cast<uint32_t>(last - order_.begin());
  for (uint32_t i = 0; i < candidate_count_; ++i) {
    distances_[i] = order_[i].distance;
    slots_[i] = order_[i].slot;
    bounds_[i] = order_[i].bound;
  }
}

// Exact distances of `count` candidates from `first` on replace their estimates.
void Search::read(uint32_t first, uint32_t count) {
  request_.query = query_.data();
  request_.metric = options_.metric;
  request_.slots = slots_.data() + first;
  request_.n = count;
  request_.out = distances_.data() + first;
  request_.abort = abort_;
  request_.ctx = this;
  request_.done = [](annulus_score_request *request) {
    static_cast<Search *>(request->ctx)->on_read();
  };
  reader_->score(reader_->self, &request_);
}

void Search::on_read() {
  if (request_.status != ANNULUS_OK) return finish(request_.status);
  const uint32_t before = reads_;
  reads_ += static_cast<uint32_t>(request_.n);
  if (before == 0 && reads_ < candidate_count_) {
    const uint32_t more = still_needed();
    if (more > 0) return read(reads_, more);
  }
  rank(reads_);
  finish(ANNULUS_OK);
}

// Unread candidates that may be among the `limit` best by what is known now.
uint32_t Search::still_needed() {
  const auto limit = order_.begin() + options_.limit - 1;
  for (uint32_t i = 0; i < reads_; ++i) order_[i].distance = distances_[i];
  std::nth_element(order_.begin(), limit, order_.begin() + reads_,
                   [](const Candidate &a, const Candidate &b) { return a.distance < b.distance; });
  // The estimates of what is read are overwritten, but only the unread are looked at.
  const size_t needed = reads_needed(distances_.data(), bounds_.data(), candidate_count_,
                                     options_.limit, reads_, limit->distance);
  return static_cast<uint32_t>(needed) - reads_;
}

// Sorts the first `count` candidates by distance, ties by lower slot.
void Search::rank(uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) order_[i] = {distances_[i], slots_[i], bounds_[i]};
  std::sort(order_.begin(), order_.begin() + count, [](const Candidate &a, const Candidate &b) {
    return a.distance != b.distance ? a.distance < b.distance : a.slot < b.slot;
  });
  for (uint32_t i = 0; i < count; ++i) {
    distances_[i] = order_[i].distance;
    slots_[i] = order_[i].slot;
    bounds_[i] = order_[i].bound;
  }
}

void Search::finish(int32_t status) {
  status_ = status;
  const uint32_t ranked = reader_ ? reads_ : candidate_count_;
  found_ = status == ANNULUS_OK ? std::min(ranked, options_.limit) : 0;
  done_(this, ctx_);
}

}  // namespace annulus
