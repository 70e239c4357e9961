#include "wrap_search_plan.h"

#include <annulus/externals.h>

#include <string>
#include <utility>

namespace annulus {

namespace {

SearchOptions options_from(const Napi::CallbackInfo &info) {
  SearchOptions options;
  options.metric = count_from(info[3], "metric", 0, ANNULUS_METRIC_MANHATTAN);
  options.limit = count_from(info[4], "limit", 1, 1u << 24);
  options.candidates = count_from(info[5], "candidates", options.limit, 1u << 24);
  options.ef = count_from(info[6], "ef", 1, 1u << 24);
  options.rescore = rescore_from(info[7]);
  options.loss = loss_from(info[8]);
  options.background = info[9].ToBoolean();
  return options;
}

std::vector<CandidateSource> sources_from(const Napi::Array &list,
                                          std::vector<Napi::Object> &bitmaps) {
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
      bitmaps.push_back(allowed.As<Napi::Object>());
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

}  // namespace

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

GivenPlan plan_from(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const auto *pool = table_from<annulus_pool>(info[0], ANNULUS_KIND_POOL, "the pool");
  if (!info[1].IsArray()) throw Napi::TypeError::New(env, "search takes an array of sources");
  auto plan = std::make_shared<SearchPlan>();
  GivenPlan given;
  plan->pool = Held<annulus_pool>(*pool);
  plan->options = options_from(info);
  plan->sources = sources_from(info[1].As<Napi::Array>(), given.bitmaps);
  plan->reader = reader_from(info[2]);
  plan->dimension = plan->sources.front().source->dimension;
  bool fits = !plan->reader || plan->reader->dimension == plan->dimension;
  for (const CandidateSource &part : plan->sources) {
    fits = fits && part.source->dimension == plan->dimension;
  }
  if (!fits) throw Napi::RangeError::New(env, "sources and storage have different dimensions");
  given.plan = std::move(plan);
  return given;
}

}  // namespace annulus
