// Calls the functions of a scorer table from JavaScript, for tests of any scorer.
#include <annulus/aligned.h>

#include "wrap.h"

namespace annulus {

namespace {

struct Batch {
  const annulus_scorer *scorer;
  std::vector<uint32_t> slots;
  Napi::Float32Array out;
};

Batch batch_from(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const auto *scorer = table_from<annulus_scorer>(info[0], ANNULUS_KIND_SCORER, "the scorer");
  const auto given = info[2].As<Napi::Uint32Array>();
  Batch batch{scorer,
              {given.Data(), given.Data() + given.ElementLength()},
              Napi::Float32Array::New(env, given.ElementLength())};
  for (const uint32_t slot : batch.slots) {
    if (slot >= scorer->slots(scorer->self)) {
      throw status_error(env, ANNULUS_OUT_OF_RANGE, "the probe", 0, slot);
    }
  }
  return batch;
}

// queryDistances(scorer, vector | slot, slots): as from a vector, or from a stored slot.
Napi::Value query_distances(const Napi::CallbackInfo &info) {
  Batch batch = batch_from(info);
  const annulus_scorer &scorer = *batch.scorer;
  AlignedVector<uint8_t> query(scorer.query_bytes);
  if (info[1].IsNumber()) {
    const uint64_t slot = whole_number(info[1], "slot", 0, scorer.slots(scorer.self) - 1);
    scorer.query_from_slot(scorer.self, static_cast<uint32_t>(slot), query.data());
  } else {
    const Napi::Float32Array vector = float_array(info[1], "vector");
    if (vector.ElementLength() != scorer.dimension) {
      throw make_error(info.Env(), "ANNULUS_DIMENSION", "the query has another dimension");
    }
    scorer.query_prepare(scorer.self, vector.Data(), query.data());
  }
  scorer.prefetch(scorer.self, batch.slots.data(), batch.slots.size());
  scorer.query_distances(scorer.self, query.data(), batch.slots.data(), batch.slots.size(),
                         batch.out.Data());
  return batch.out;
}

// queryBounds(scorer, vector, slots): estimates, then how far below and how far above them the
// truth lies at most; undefined without any.
Napi::Value query_bounds(const Napi::CallbackInfo &info) {
  Batch batch = batch_from(info);
  const annulus_scorer &scorer = *batch.scorer;
  if (scorer.query_bounds == nullptr) return info.Env().Undefined();
  const Napi::Float32Array vector = float_array(info[1], "vector");
  AlignedVector<uint8_t> query(scorer.query_bytes);
  scorer.query_prepare(scorer.self, vector.Data(), query.data());
  const size_t n = batch.slots.size();
  Napi::Float32Array out = Napi::Float32Array::New(info.Env(), 3 * n);
  scorer.query_distances(scorer.self, query.data(), batch.slots.data(), n, out.Data());
  std::vector<annulus_bound> bounds(n);
  scorer.query_bounds(scorer.self, query.data(), batch.slots.data(), out.Data(), n, bounds.data());
  for (size_t i = 0; i < n; ++i) {
    out.Data()[n + i] = bounds[i].below;
    out.Data()[2 * n + i] = bounds[i].above;
  }
  return out;
}

// pairDistances(scorer, slot, slots)
Napi::Value pair_distances(const Napi::CallbackInfo &info) {
  Batch batch = batch_from(info);
  const annulus_scorer &scorer = *batch.scorer;
  const uint64_t slot = whole_number(info[1], "slot", 0, scorer.slots(scorer.self) - 1);
  scorer.pair_distances(scorer.self, static_cast<uint32_t>(slot), batch.slots.data(),
                        batch.slots.size(), batch.out.Data());
  return batch.out;
}

}  // namespace

void export_probe(Napi::Env env, Napi::Object exports) {
  exports.Set("queryDistances", Napi::Function::New(env, query_distances, "queryDistances"));
  exports.Set("queryBounds", Napi::Function::New(env, query_bounds, "queryBounds"));
  exports.Set("pairDistances", Napi::Function::New(env, pair_distances, "pairDistances"));
}

}  // namespace annulus
