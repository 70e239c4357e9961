#include "search.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace annulus {

namespace {

constexpr float unknown = std::numeric_limits<float>::infinity();

}  // namespace

void Search::prepare(std::shared_ptr<const SearchPlan> plan, const float *query) {
  plan_ = std::move(plan);
  query_.assign(query, query + plan_->dimension);
  const size_t room = plan_->options.candidates * plan_->sources.size();
  slots_.resize(room);
  distances_.resize(room);
  bounds_.assign(room, annulus_bound{unknown, unknown});
  read_.assign(room, 0);
  order_.resize(room);
  const size_t batch = plan_->reader ? plan_->options.candidates : 0;
  estimates_.resize(batch);
  batch_.resize(batch);
  batch_slots_.resize(batch);
  batch_distances_.resize(batch);
  request_ = {};
  candidate_count_ = reads_ = found_ = 0;
  status_ = ANNULUS_OK;
}

void Search::expect_end(const int32_t *abort, Done done, void *ctx) {
  abort_ = abort;
  done_ = done;
  ctx_ = ctx;
}

void Search::run_here(uint32_t worker, const int32_t *abort, Done done, void *ctx) {
  expect_end(abort, done, ctx);
  run(worker);
}

void Search::start(const int32_t *abort, Done done, void *ctx) {
  expect_end(abort, done, ctx);
  const annulus_pool &pool = *plan_->pool;
  pool.submit(
      pool.self, [](void *self, uint32_t worker) { static_cast<Search *>(self)->run(worker); },
      this, plan_->options.background ? 1 : 0);
}

void Search::run(uint32_t worker) {
  const int32_t status = collect(worker);
  if (status != ANNULUS_OK) return finish(status);
  if (!plan_->reader || candidate_count_ == 0) return finish(ANNULUS_OK);
  expect();
  read_on();
}

// Fills slots_, distances_ and bounds_ with the candidates of all sources, nearest first.
int32_t Search::collect(uint32_t worker) {
  for (const CandidateSource &part : plan_->sources) {
    annulus_candidate_request request{};
    request.query = query_.data();
    request.k = plan_->options.candidates;
    request.ef = plan_->options.ef;
    request.allowed = part.allowed;
    request.allowed_bits = part.allowed_bits;
    request.abort = abort_;
    request.worker = worker;
    request.slots = slots_.data() + candidate_count_;
    request.distances = distances_.data() + candidate_count_;
    const bool bounded = plan_->options.rescore != Rescore::all;
    request.bounds = bounded ? bounds_.data() + candidate_count_ : nullptr;
    part.source->candidates(part.source->self, &request);
    if (request.status != ANNULUS_OK) return request.status;
    candidate_count_ += request.found;
  }
  if (plan_->sources.size() > 1) drop_repeated();
  // One global batch: the best of all sources, however many each gave.
  rank(candidate_count_);
  candidate_count_ = std::min(candidate_count_, plan_->options.candidates);
  return ANNULUS_OK;
}

// Sources may overlap: a slot that is being linked is in the graph already and still among the
// codes to be scanned. It counts once.
void Search::drop_repeated() {
  for (uint32_t i = 0; i < candidate_count_; ++i)
    order_[i] = {distances_[i], slots_[i], bounds_[i], 0};
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

// Keeps the estimates; what is known best of a distance is where it most likely lies.
void Search::expect() {
  std::copy(distances_.begin(), distances_.begin() + candidate_count_, estimates_.begin());
  if (plan_->options.rescore != Rescore::uncertain) return;
  for (uint32_t i = 0; i < candidate_count_; ++i) {
    distances_[i] = likely_distance(plan_->options.metric, estimates_[i], bounds_[i]);
  }
}

// One round trip, or the end.
void Search::read_on() {
  const size_t count = plan_next();
  if (count == 0) {
    rank(plan_->options.rescore == Rescore::uncertain ? candidate_count_ : reads_);
    return finish(ANNULUS_OK);
  }
  for (size_t i = 0; i < count; ++i) batch_slots_[i] = slots_[batch_[i]];
  request_.query = query_.data();
  request_.metric = plan_->options.metric;
  request_.slots = batch_slots_.data();
  request_.n = count;
  request_.out = batch_distances_.data();
  request_.abort = abort_;
  request_.ctx = this;
  request_.done = [](annulus_score_request *request) {
    static_cast<Search *>(request->ctx)->on_read();
  };
  plan_->reader->score(plan_->reader->self, &request_);
}

void Search::on_read() {
  if (request_.status != ANNULUS_OK) return finish(request_.status);
  for (size_t i = 0; i < request_.n; ++i) {
    distances_[batch_[i]] = batch_distances_[i];
    read_[batch_[i]] = 1;
  }
  reads_ += static_cast<uint32_t>(request_.n);
  read_on();
}

size_t Search::plan_next() {
  const KnownCandidates known = {candidate_count_, estimates_.data(), bounds_.data(), read_.data(),
                                 distances_.data()};
  const ReadPlan plan = {plan_->options.rescore, plan_->options.limit, plan_->options.loss};
  return next_reads(known, plan, batch_.data(), batch_distances_.data());
}

// Sorts the first `count` candidates by distance, ties by lower slot.
void Search::rank(uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    order_[i] = {distances_[i], slots_[i], bounds_[i], read_[i]};
  }
  std::sort(order_.begin(), order_.begin() + count, [](const Candidate &a, const Candidate &b) {
    return a.distance != b.distance ? a.distance < b.distance : a.slot < b.slot;
  });
  for (uint32_t i = 0; i < count; ++i) {
    distances_[i] = order_[i].distance;
    slots_[i] = order_[i].slot;
    bounds_[i] = order_[i].bound;
    read_[i] = order_[i].read;
  }
}

Search::Outcome Search::outcome() const {
  if (!plan_->reader) return Outcome::estimates;
  return plan_->options.rescore == Rescore::uncertain ? Outcome::mixed : Outcome::exact;
}

void Search::finish(int32_t status) {
  status_ = status;
  const uint32_t ranked = outcome() == Outcome::exact ? reads_ : candidate_count_;
  found_ = status == ANNULUS_OK ? std::min(ranked, plan_->options.limit) : 0;
  done_(this, ctx_);
}

}  // namespace annulus
