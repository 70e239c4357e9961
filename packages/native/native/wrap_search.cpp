// search(pool, sources, reader, queries, options): the whole way of queries as one promise.
#include <annulus/externals.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <vector>

#include "search.h"
#include "wrap.h"
#include "wrap_polling.h"

namespace annulus {

namespace {

// Words before the slots in a result; `src/search.ts` reads the same layout.
constexpr uint32_t kHeaderWords = 4;

// The searches of one call share sources and options, and settle together.
class SearchTask : public Task {
 public:
  SearchTask(Napi::Env env, Settler &settler, Held<annulus_pool> pool,
             std::shared_ptr<LoopPolling> polling)
      : Task(env), settler_(settler), pool_(std::move(pool)), polling_(std::move(polling)) {}

  void add(std::unique_ptr<Search> search) { searches_.push_back(std::move(search)); }

  // The task lives until it settles on this thread, so this loop cannot outlive it.
  void start() {
    running_.store(searches_.size(), std::memory_order_relaxed);
    for (const auto &search : searches_) {
      search->start(
          *pool_, abort_flag(),
          [](Search *, void *self) { static_cast<SearchTask *>(self)->on_done(); }, this);
    }
    polling_->began(pool_->jobs(pool_->self));
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
  Held<annulus_pool> pool_;
  std::shared_ptr<LoopPolling> polling_;
  std::vector<std::unique_ptr<Search>> searches_;
  std::atomic<size_t> running_{0};
};

uint32_t count_from(const Napi::Value &value, const char *what, uint32_t least, uint32_t most) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= least && number <= most) || number != static_cast<uint32_t>(number)) {
    throw Napi::RangeError::New(value.Env(), std::string(what) + " must be a whole number from " +
                                                 std::to_string(least) + " to " +
                                                 std::to_string(most));
  }
  return static_cast<uint32_t>(number);
}

Rescore rescore_from(const Napi::Value &value) {
  return static_cast<Rescore>(
      count_from(value, "rescore", 0, static_cast<uint32_t>(Rescore::uncertain)));
}

double loss_from(const Napi::Value &value) {
  const double loss = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(loss >= 0 && loss < 1)) {
    throw Napi::RangeError::New(value.Env(), "loss must be from 0 to below 1");
  }
  return loss;
}

SearchOptions options_from(const Napi::CallbackInfo &info) {
  SearchOptions options;
  options.metric = count_from(info[4], "metric", 0, ANNULUS_METRIC_MANHATTAN);
  options.limit = count_from(info[5], "limit", 1, 1u << 24);
  options.candidates = count_from(info[6], "candidates", options.limit, 1u << 24);
  options.ef = count_from(info[7], "ef", 1, 1u << 24);
  options.rescore = rescore_from(info[8]);
  options.loss = loss_from(info[9]);
  options.background = info[10].ToBoolean();
  return options;
}

// [source, allowed?, source, allowed?, ...]; `kept` are the bitmaps to keep alive.
std::vector<CandidateSource> sources_from(const Napi::Array &list,
                                          std::vector<Napi::Object> &kept) {
  std::vector<CandidateSource> sources;
  for (uint32_t i = 0; i + 1 < list.Length(); i += 2) {
    CandidateSource part;
    part.source = Held<annulus_source>(
        *table_from<annulus_source>(list.Get(i), ANNULUS_KIND_SOURCE, "a source"));
    const Napi::Value allowed = list.Get(i + 1);
    if (allowed.IsTypedArray() &&
        allowed.As<Napi::TypedArray>().TypedArrayType() == napi_uint32_array) {
      part.allowed = allowed.As<Napi::Uint32Array>().Data();
      part.allowed_bits = uint64_t{32} * allowed.As<Napi::Uint32Array>().ElementLength();
      kept.push_back(allowed.As<Napi::Object>());
    } else if (!allowed.IsUndefined()) {
      throw Napi::TypeError::New(list.Env(), "allowed must be a Uint32Array bitmap");
    }
    sources.push_back(std::move(part));
  }
  if (sources.empty()) throw Napi::TypeError::New(list.Env(), "search needs at least one source");
  return sources;
}

Held<annulus_reader> reader_from(const Napi::Value &value) {
  if (value.IsUndefined()) return {};
  return Held<annulus_reader>(
      *table_from<annulus_reader>(value, ANNULUS_KIND_READER, "the reader"));
}

// search(pool, sources, reader?, queries, metric, limit, candidates, ef, rescore, loss,
// background, abortFlag?): `queries` are one or more vectors on end.
Napi::Value search(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const auto *pool = table_from<annulus_pool>(info[0], ANNULUS_KIND_POOL, "the pool");
  if (!info[1].IsArray() || !info[3].IsTypedArray() ||
      info[3].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
    throw Napi::TypeError::New(env, "search takes an array of sources and Float32Array queries");
  }
  const auto given = info[3].As<Napi::Float32Array>();
  const SearchOptions options = options_from(info);
  std::vector<Napi::Object> kept;
  const std::vector<CandidateSource> sources = sources_from(info[1].As<Napi::Array>(), kept);
  const Held<annulus_reader> reader = reader_from(info[2]);

  const size_t dimension = sources.front().source->dimension;
  bool fits = given.ElementLength() > 0 && given.ElementLength() % dimension == 0;
  for (const CandidateSource &part : sources) fits = fits && part.source->dimension == dimension;
  if (!fits || (reader && reader->dimension != dimension)) {
    throw Napi::RangeError::New(env, "queries, sources and storage have different dimensions");
  }

  AddonData &data = addon_data(env);
  auto task =
      std::make_unique<SearchTask>(env, data.settler, Held<annulus_pool>(*pool),
                                   *static_cast<std::shared_ptr<LoopPolling> *>(info.Data()));
  const float *const end = given.Data() + given.ElementLength();
  for (const float *query = given.Data(); query < end; query += dimension) {
    task->add(std::make_unique<Search>(std::vector<float>(query, query + dimension), sources,
                                       reader, options));
  }
  task->watch(info[11]);
  for (const Napi::Object &object : kept) task->keep(object);
  const Napi::Promise promise = task->promise();
  data.settler.begin(std::move(task))->start();
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
}

}  // namespace annulus
