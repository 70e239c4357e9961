// search(pool, sources, reader, query, options): the whole way of a query as one promise.
#include <annulus/externals.h>

#include <cstring>
#include <memory>

#include "read_plan.h"
#include "search.h"
#include "wrap.h"

namespace annulus {

namespace {

// Words before the slots in a result; `search-result.ts` reads the same layout.
constexpr uint32_t kHeaderWords = 4;

class SearchTask : public Task {
 public:
  SearchTask(Napi::Env env, Settler &settler, Held<annulus_pool> pool,
             std::unique_ptr<Search> search)
      : Task(env), settler_(settler), pool_(std::move(pool)), search_(std::move(search)) {}

  void start() {
    search_->start(
        *pool_, abort_flag(),
        [](Search *, void *self) {
          auto *task = static_cast<SearchTask *>(self);
          task->settler_.finish(task);
        },
        this);
  }

  // [found, reads, candidates, exact, slots (found words), distances (found floats)], and the
  // bounds of estimates
  void settle(Napi::Env env) override {
    if (search_->status() != ANNULUS_OK) {
      throw status_error(env, search_->status(), "search", search_->detail(),
                         search_->failed_slot());
    }
    const uint32_t found = search_->found();
    const size_t columns = search_->exact() ? 2 : 3;
    Napi::Uint32Array result = Napi::Uint32Array::New(env, kHeaderWords + columns * found);
    uint32_t *words = result.Data();
    words[0] = found;
    words[1] = search_->reads();
    words[2] = search_->candidates();
    words[3] = search_->exact() ? 1 : 0;
    std::memcpy(words + kHeaderWords, search_->slots(), found * sizeof(uint32_t));
    std::memcpy(words + kHeaderWords + found, search_->distances(), found * sizeof(float));
    if (columns == 3) {
      std::memcpy(words + kHeaderWords + 2 * size_t{found}, search_->bounds(),
                  found * sizeof(float));
    }
    deferred().Resolve(result);
  }

 private:
  Settler &settler_;
  Held<annulus_pool> pool_;
  std::unique_ptr<Search> search_;
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

// search(pool, [source, allowed?, source, allowed?, ...], reader?, query, metric, limit,
// candidates, ef, abortFlag?)
Napi::Value search(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const auto *pool = table_from<annulus_pool>(info[0], ANNULUS_KIND_POOL, "the pool");
  if (!info[1].IsArray() || !info[3].IsTypedArray() ||
      info[3].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
    throw Napi::TypeError::New(env, "search takes an array of sources and a Float32Array query");
  }
  const auto given = info[3].As<Napi::Float32Array>();
  std::vector<float> query(given.Data(), given.Data() + given.ElementLength());
  SearchOptions options;
  options.metric = count_from(info[4], "metric", 0, ANNULUS_METRIC_MANHATTAN);
  options.limit = count_from(info[5], "limit", 1, 1u << 24);
  options.candidates = count_from(info[6], "candidates", options.limit, 1u << 24);
  options.ef = count_from(info[7], "ef", 1, 1u << 24);
  options.bounded = info[8].ToBoolean();

  std::vector<Napi::Object> kept;
  std::vector<CandidateSource> sources;
  const auto list = info[1].As<Napi::Array>();
  for (uint32_t i = 0; i + 1 < list.Length(); i += 2) {
    CandidateSource part;
    part.source = Held<annulus_source>(
        *table_from<annulus_source>(list.Get(i), ANNULUS_KIND_SOURCE, "a source"));
    if (part.source->dimension != query.size()) {
      throw Napi::RangeError::New(env, "the query has another dimension than a source");
    }
    const Napi::Value allowed = list.Get(i + 1);
    if (allowed.IsTypedArray() &&
        allowed.As<Napi::TypedArray>().TypedArrayType() == napi_uint32_array) {
      part.allowed = allowed.As<Napi::Uint32Array>().Data();
      part.allowed_bits = uint64_t{32} * allowed.As<Napi::Uint32Array>().ElementLength();
      kept.push_back(allowed.As<Napi::Object>());
    } else if (!allowed.IsUndefined()) {
      throw Napi::TypeError::New(env, "allowed must be a Uint32Array bitmap");
    }
    sources.push_back(std::move(part));
  }
  if (sources.empty()) throw Napi::TypeError::New(env, "search needs at least one source");

  Held<annulus_reader> reader;
  if (!info[2].IsUndefined()) {
    reader = Held<annulus_reader>(
        *table_from<annulus_reader>(info[2], ANNULUS_KIND_READER, "the reader"));
    if (reader->dimension != query.size()) {
      throw Napi::RangeError::New(env, "the query has another dimension than the storage");
    }
  }

  AddonData &data = addon_data(env);
  auto task = std::make_unique<SearchTask>(
      env, data.settler, Held<annulus_pool>(*pool),
      std::make_unique<Search>(std::move(query), std::move(sources), std::move(reader), options));
  task->watch(info[9]);
  for (const Napi::Object &object : kept) task->keep(object);
  const Napi::Promise promise = task->promise();
  data.settler.begin(std::move(task))->start();
  return promise;
}

Napi::Float32Array floats_from(const Napi::Value &value) {
  if (!value.IsTypedArray() ||
      value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
    throw Napi::TypeError::New(value.Env(), "estimates and bounds must be Float32Arrays");
  }
  return value.As<Napi::Float32Array>();
}

// readsNeeded(estimates, bounds, limit, read, worst)
Napi::Value count_reads_needed(const Napi::CallbackInfo &info) {
  const Napi::Float32Array estimates = floats_from(info[0]);
  const Napi::Float32Array bounds = floats_from(info[1]);
  const size_t n = estimates.ElementLength();
  if (bounds.ElementLength() != n) {
    throw Napi::RangeError::New(info.Env(), "each estimate needs its bound");
  }
  const uint32_t limit = count_from(info[2], "limit", 1, 1u << 24);
  const uint32_t read = count_from(info[3], "read", 0, static_cast<uint32_t>(n));
  const float worst = info[4].ToNumber().FloatValue();
  const size_t needed = reads_needed(estimates.Data(), bounds.Data(), n, limit, read, worst);
  return Napi::Number::New(info.Env(), static_cast<double>(needed));
}

}  // namespace

void export_search(Napi::Env env, Napi::Object exports) {
  exports.Set("search", Napi::Function::New(env, search, "search"));
  exports.Set("readsNeeded", Napi::Function::New(env, count_reads_needed, "readsNeeded"));
}

}  // namespace annulus
