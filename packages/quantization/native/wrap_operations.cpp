// encode and scan: promises of work on the pool.
#include <algorithm>
#include <cstring>
#include <utility>

#include "encoding.h"
#include "scan.h"
#include "wrap.h"

namespace annulus {

namespace {

class EncodeTask : public Task {
 public:
  EncodeTask(Napi::Env env, const CodesHandle &handle, EncodingSlots slots)
      : Task(env),
        settler_(addon_data(env).settler),
        codes_(handle.codes),
        pool_(handle.pool),
        slots_(std::move(slots)) {}

  void start(const float *vectors, size_t n) {
    encode_vectors(codes_, pool_, vectors, n, slots_, abort_flag(), [this](EncodingResult result) {
      result_ = result;
      settler_.finish(this);
    });
  }

  void settle(Napi::Env env) override {
    if (result_.status == ANNULUS_OK) return deferred().Resolve(env.Undefined());
    if (result_.status == ANNULUS_OUT_OF_RANGE) {
      Napi::Object details = Napi::Object::New(env);
      const uint64_t slot = slots_[result_.bad_vector];
      details.Set("slot", Napi::Number::New(env, static_cast<double>(slot)));
      throw make_error(env, "ANNULUS_INVALID_VECTOR",
                       "the vector for slot " + std::to_string(slot) +
                           " holds a value that is not finite; nothing was encoded",
                       details);
    }
    throw status_error(env, result_.status, "encoding");
  }

 private:
  Settler &settler_;
  CodesRef codes_;
  Held<annulus_pool> pool_;
  EncodingSlots slots_;
  EncodingResult result_;
};

// The slots of n vectors: a first one, or one each.
EncodingSlots encoding_slots(const Napi::Value &value, size_t n, uint64_t present) {
  EncodingSlots slots;
  if (!value.IsTypedArray()) {
    slots.first = whole_number(value, "firstSlot", 0, present);
    return slots;
  }
  const Napi::Env env = value.Env();
  if (value.As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array ||
      value.As<Napi::TypedArray>().ElementLength() != n) {
    throw make_error(env, "ANNULUS_INVALID_ARGUMENT", "slots must be a Uint32Array, one a vector");
  }
  const auto given = value.As<Napi::Uint32Array>();
  slots.scattered.assign(given.Data(), given.Data() + n);
  uint64_t next = 0;
  for (const uint32_t slot : slots.scattered) {
    if (slot < next || slot > std::max(next, present)) {
      throw make_error(env, "ANNULUS_INVALID_ARGUMENT",
                       "slots must be strictly ascending and leave out none above those encoded");
    }
    next = uint64_t{slot} + 1;
  }
  return slots;
}

// encode(codes, firstSlot or slots, vectors, abortFlag?)
Napi::Value encode(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const CodesHandle &handle = open_handle(info[0]);
  const Napi::Float32Array vectors = float_array(info[2], "vectors");
  const uint32_t dimension = handle.codes->dimension();
  if (vectors.ElementLength() % dimension != 0) {
    throw make_error(env, "ANNULUS_DIMENSION",
                     "vectors must hold whole vectors of dimension " + std::to_string(dimension));
  }
  const size_t n = vectors.ElementLength() / dimension;
  EncodingSlots slots = encoding_slots(info[1], n, handle.codes->rows().slots());
  if (n > 0 && slots[n - 1] >= max_slots) {
    throw make_error(env, "ANNULUS_LIMIT", "codes hold at most 2^32 - 1 vectors");
  }
  auto owned = std::make_unique<EncodeTask>(env, handle, std::move(slots));
  owned->keep(vectors);
  owned->watch(info[3]);
  EncodeTask *task = addon_data(env).settler.begin(std::move(owned));
  const Napi::Promise promise = task->promise();
  task->start(vectors.Data(), n);
  return promise;
}

class ScanTask : public Task {
 public:
  ScanTask(Napi::Env env, const CodesHandle &handle, std::vector<float> query, size_t k,
           const ScanRange &range)
      : Task(env),
        settler_(addon_data(env).settler),
        codes_(handle.codes),
        pool_(handle.pool),
        query_(std::move(query)),
        k_(k),
        range_(range) {}

  void start(bool background) {
    pool_->submit(
        pool_->self,
        [](void *self, uint32_t) {
          auto *task = static_cast<ScanTask *>(self);
          task->status_ = scan(*task->codes_, task->pool_, task->query_.data(), task->k_,
                               task->range_, task->abort_flag(), task->found_, nullptr);
          task->settler_.finish(task);
        },
        this, background ? 1 : 0);
  }

  // Slots, then as many distances.
  void settle(Napi::Env env) override {
    if (status_ != ANNULUS_OK) throw status_error(env, status_, "scan");
    const size_t n = found_.size();
    Napi::Uint32Array result = Napi::Uint32Array::New(env, 2 * n);
    uint32_t *words = result.Data();
    for (size_t i = 0; i < n; ++i) {
      words[i] = found_[i].slot;
      std::memcpy(words + n + i, &found_[i].distance, sizeof(float));
    }
    deferred().Resolve(result);
  }

 private:
  Settler &settler_;
  CodesRef codes_;
  Held<annulus_pool> pool_;
  std::vector<float> query_;
  size_t k_;
  ScanRange range_;
  std::vector<Neighbour> found_;
  int32_t status_ = ANNULUS_OK;
};

// scanCodes(codes, query, k, allowed?, from, to, background, abortFlag?)
Napi::Value scan_codes(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const CodesHandle &handle = open_handle(info[0]);
  const Napi::Float32Array query = float_array(info[1], "query");
  if (query.ElementLength() != handle.codes->dimension()) {
    throw make_error(env, "ANNULUS_DIMENSION",
                     "the query has dimension " + std::to_string(query.ElementLength()) +
                         ", the codes " + std::to_string(handle.codes->dimension()));
  }
  const auto k = static_cast<size_t>(whole_number(info[2], "k", 1, max_slots));
  ScanRange range;
  if (!info[3].IsUndefined()) {
    if (!info[3].IsTypedArray() ||
        info[3].As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
      throw make_error(env, "ANNULUS_INVALID_ARGUMENT", "allowed must be a Uint32Array bitmap");
    }
    range.allowed = info[3].As<Napi::Uint32Array>().Data();
    range.allowed_bits = uint64_t{32} * info[3].As<Napi::Uint32Array>().ElementLength();
    // An empty array may have no memory; it still allows nothing.
    static const uint32_t nothing = 0;
    if (range.allowed == nullptr) range.allowed = &nothing;
  }
  range.from = whole_number(info[4], "from", 0, max_slots);
  range.to = whole_number(info[5], "to", 0, max_slots);
  auto owned = std::make_unique<ScanTask>(
      env, handle, std::vector<float>(query.Data(), query.Data() + query.ElementLength()), k,
      range);
  if (!info[3].IsUndefined()) owned->keep(info[3].As<Napi::Object>());
  owned->watch(info[7]);
  ScanTask *task = addon_data(env).settler.begin(std::move(owned));
  const Napi::Promise promise = task->promise();
  task->start(info[6].ToBoolean());
  return promise;
}

}  // namespace

void export_operations(Napi::Env env, Napi::Object exports) {
  exports.Set("encode", Napi::Function::New(env, encode, "encode"));
  exports.Set("scan", Napi::Function::New(env, scan_codes, "scan"));
}

}  // namespace annulus
