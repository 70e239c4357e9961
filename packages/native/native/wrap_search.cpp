// search(...plan, queries): the whole way of queries as one promise. PreparedSearch is defined
// beside.
#include <annulus/externals.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "search.h"
#include "wrap.h"
#include "wrap_polling.h"
#include "wrap_prepared_search.h"
#include "wrap_search_plan.h"

namespace annulus {

namespace {

// Words before the slots in a result; `src/search.ts` reads the same layout.
constexpr uint32_t kHeaderWords = 4;

// The searches of one call share sources and options, and settle together.
class SearchTask : public Task {
 public:
  SearchTask(Napi::Env env, Settler &settler, std::shared_ptr<LoopPolling> polling)
      : Task(env), settler_(settler), polling_(std::move(polling)) {}

  void add(const std::shared_ptr<const SearchPlan> &plan, const float *query) {
    searches_.push_back(std::make_unique<Search>());
    searches_.back()->prepare(plan, query);
  }

  // The task lives until it settles on this thread, so this loop cannot outlive it.
  void start(const annulus_pool &pool) {
    running_.store(searches_.size(), std::memory_order_relaxed);
    for (const auto &search : searches_) {
      search->start(
          abort_flag(), [](Search *, void *self) { static_cast<SearchTask *>(self)->on_done(); },
          this);
    }
    polling_->began(pool.jobs(pool.self));
  }

  // For each query [found, reads, candidates, outcome, slots (found words), distances (found
  // floats)]; then of estimates how far below and how far above them truth lies at most, and of
  // mixed distances which are exact.
  void settle(Napi::Env env) override {
    polling_->ended();
    size_t length = 0;
    for (const auto &search : searches_) {
      if (search->status() != ANNULUS_OK) {
        throw status_error(env, search->status(), "search", search->detail(),
                           search->failed_slot());
      }
      length += kHeaderWords + columns(*search) * search->found();
    }
    Napi::Uint32Array result = Napi::Uint32Array::New(env, length);
    uint32_t *words = result.Data();
    for (const auto &search : searches_) words = write(*search, words);
    deferred().Resolve(result);
  }

 private:
  void on_done() {
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) settler_.finish(this);
  }

  static size_t columns(const Search &search) {
    switch (search.outcome()) {
      case Search::Outcome::exact:
        return 2;
      case Search::Outcome::mixed:
        return 3;
      case Search::Outcome::estimates:
        break;
    }
    return 4;
  }

  static uint32_t *write(const Search &search, uint32_t *words) {
    const size_t found = search.found();
    words[0] = search.found();
    words[1] = search.reads();
    words[2] = search.candidates();
    words[3] = static_cast<uint32_t>(search.outcome());
    words += kHeaderWords;
    std::memcpy(words, search.slots(), found * sizeof(uint32_t));
    std::memcpy(words + found, search.distances(), found * sizeof(float));
    uint32_t *column = words + 2 * found;
    if (search.outcome() == Search::Outcome::estimates) {
      for (size_t i = 0; i < found; ++i) {
        std::memcpy(column + i, &search.bounds()[i].below, sizeof(float));
        std::memcpy(column + found + i, &search.bounds()[i].above, sizeof(float));
      }
    } else if (search.outcome() == Search::Outcome::mixed) {
      std::copy(search.read(), search.read() + found, column);
    }
    return words + columns(search) * found;
  }

  Settler &settler_;
  std::shared_ptr<LoopPolling> polling_;
  std::vector<std::unique_ptr<Search>> searches_;
  std::atomic<size_t> running_{0};
};

// search(...plan, queries, abortFlag?): `queries` are one or more vectors on end.
Napi::Value search(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const GivenPlan given = plan_from(info);
  const Napi::Value queries = info[kPlanArguments];
  if (!queries.IsTypedArray() ||
      queries.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
    throw Napi::TypeError::New(env, "queries are a Float32Array");
  }
  const auto floats = queries.As<Napi::Float32Array>();
  const size_t dimension = given.plan->dimension;
  if (floats.ElementLength() == 0 || floats.ElementLength() % dimension != 0) {
    throw Napi::RangeError::New(env, "queries and sources have different dimensions");
  }

  Settler &settler = addon_data(env).settler;
  auto task = std::make_unique<SearchTask>(
      env, settler, *static_cast<std::shared_ptr<LoopPolling> *>(info.Data()));
  const float *const end = floats.Data() + floats.ElementLength();
  for (const float *query = floats.Data(); query < end; query += dimension) {
    task->add(given.plan, query);
  }
  task->watch(info[kPlanArguments + 1]);
  for (const Napi::Object &bitmap : given.bitmaps) task->keep(bitmap);
  const Napi::Promise promise = task->promise();
  settler.begin(std::move(task))->start(*given.plan->pool);
  return promise;
}

Napi::Float32Array floats_from(const Napi::Value &value, size_t length) {
  if (!value.IsTypedArray() ||
      value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
    throw Napi::TypeError::New(value.Env(), "estimates, bounds and distances are Float32Arrays");
  }
  const auto floats = value.As<Napi::Float32Array>();
  if (floats.ElementLength() != length) {
    throw Napi::RangeError::New(value.Env(), "candidates have columns of different lengths");
  }
  return floats;
}

// nextReads(estimates, below, above, distances, read, rescore, limit, loss): indexes, ascending
Napi::Value find_next_reads(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  if (!info[4].IsTypedArray() ||
      info[4].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(env, "which candidates are read is a Uint8Array");
  }
  const auto read = info[4].As<Napi::Uint8Array>();
  const size_t n = read.ElementLength();
  const Napi::Float32Array below = floats_from(info[1], n);
  const Napi::Float32Array above = floats_from(info[2], n);
  std::vector<annulus_bound> bounds(n);
  for (size_t i = 0; i < n; ++i) bounds[i] = {below.Data()[i], above.Data()[i]};
  const KnownCandidates known = {n, floats_from(info[0], n).Data(), bounds.data(), read.Data(),
                                 floats_from(info[3], n).Data()};
  const ReadPlan plan = {rescore_from(info[5]), count_from(info[6], "limit", 1, 1u << 24),
                         loss_from(info[7])};
  std::vector<uint32_t> next(n);
  std::vector<float> scratch(n);
  const size_t count = next_reads(known, plan, next.data(), scratch.data());
  Napi::Uint32Array result = Napi::Uint32Array::New(env, count);
  std::copy(next.begin(), next.begin() + static_cast<ptrdiff_t>(count), result.Data());
  return result;
}

}  // namespace

void export_search(Napi::Env env, Napi::Object exports) {
  auto *polling = new std::shared_ptr<LoopPolling>(LoopPolling::create(env));
  env.AddCleanupHook([](std::shared_ptr<LoopPolling> *held) { delete held; }, polling);
  exports.Set("search", Napi::Function::New(env, search, "search", polling));
  exports.Set("nextReads", Napi::Function::New(env, find_next_reads, "nextReads"));
  export_prepared_search(env, exports, *polling);
}

}  // namespace annulus
