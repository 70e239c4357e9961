// Handles of codes, and what can be read from them at once.
#include <string>
#include <vector>

#include "arriving_rows.h"
#include "kinds.h"
#include "scan.h"
#include "wrap.h"

namespace annulus {

namespace {

// Beside the kinds of abi.h: only this addon reads this handle.
constexpr uint32_t codes_tag = 0x10001;

CodesHandle &handle_of(const Napi::Value &value) {
  const Napi::Env env = value.Env();
  if (!is_handle(value, codes_tag)) throw Napi::TypeError::New(env, "not a handle of codes");
  void *data = nullptr;
  napi_get_value_external(env, value, &data);
  return *static_cast<CodesHandle *>(data);
}

Napi::Value describe(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  Codes &codes = *open_handle(info[0]).codes;
  Napi::Object parameters = Napi::Object::New(env);
  for (const Parameter &parameter : codes.parameters()) {
    parameters.Set(parameter.first, parameter.second);
  }
  const Calibration &calibration = codes.calibration();
  if (calibration.known()) {
    parameters.Set("boundConfidence", ANNULUS_BOUND_CONFIDENCE);
    parameters.Set("boundPairs", static_cast<double>(calibration.pairs));
    parameters.Set("boundNear", calibration.below[0]);
    parameters.Set("boundFar", calibration.below[calibration.knots - 1]);
  }
  Napi::Object about = Napi::Object::New(env);
  about.Set("kind", kind_name(codes.kind()));
  about.Set("dimension", codes.dimension());
  about.Set("metric", codes.metric());
  about.Set("bytesPerVector", codes.rows().layout().bytes_per_vector());
  about.Set("parameters", parameters);
  return about;
}

Napi::Value slots(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(),
                           static_cast<double>(open_handle(info[0]).codes->rows().slots()));
}

Napi::Value bytes(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), static_cast<double>(open_handle(info[0]).codes->bytes()));
}

// limitSketches(codes, bytes)
void limit_sketches(const Napi::CallbackInfo &info) {
  constexpr uint64_t most = uint64_t{1} << 53;
  open_handle(info[0]).codes->sketches().set_bytes_max(whole_number(info[1], "bytes", 0, most));
}

// fit(codes): [looked at, beyond, share of the training sample beyond]; undefined where not known
Napi::Value fit(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  Codes &codes = *open_handle(info[0]).codes;
  if (!codes.calibration().known()) return env.Undefined();
  Napi::Array counts = Napi::Array::New(env, 3);
  counts.Set(0u, static_cast<double>(codes.fit().looked.load(std::memory_order_relaxed)));
  counts.Set(1u, static_cast<double>(codes.fit().beyond.load(std::memory_order_relaxed)));
  counts.Set(2u, Calibration::tail_share);
  return counts;
}

// decode(codes, slot)
Napi::Value decode(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  Codes &codes = *open_handle(info[0]).codes;
  const uint64_t slot = whole_number(info[1], "slot", 0, max_slots);
  if (slot >= codes.rows().slots()) {
    throw status_error(env, ANNULUS_OUT_OF_RANGE, "decode", 0, slot);
  }
  Napi::Float32Array vector = Napi::Float32Array::New(env, codes.dimension());
  if (const auto rows = codes.arriving_rows()) {
    rows->decode(static_cast<uint32_t>(slot), vector.Data());
  } else {
    codes.decode(static_cast<uint32_t>(slot), vector.Data());
  }
  return vector;
}

Napi::Value scorer(const Napi::CallbackInfo &info) {
  const annulus_scorer table = open_handle(info[0]).codes->scorer();
  return table_external(info.Env(), &table);
}

Napi::Value source(const Napi::CallbackInfo &info) {
  const CodesHandle &handle = open_handle(info[0]);
  // The external holds a reference of its own.
  const annulus_source table = new_scan_source(handle.codes, handle.pool);
  const Napi::Value external = table_external(info.Env(), &table);
  table.release(table.self);
  return external;
}

void close(const Napi::CallbackInfo &info) { handle_of(info[0]) = {}; }

}  // namespace

Napi::Value new_codes_handle(Napi::Env env, const CodesRef &codes, const Held<annulus_pool> &pool) {
  auto *handle = new CodesHandle{codes, pool};
  napi_value value;
  const napi_status status = napi_create_external(
      env, handle, [](napi_env, void *data, void *) { delete static_cast<CodesHandle *>(data); },
      nullptr, &value);
  if (status != napi_ok) {
    delete handle;
    throw Napi::Error::New(env, "could not create an external");
  }
  const napi_type_tag tag = tag_of(codes_tag);
  napi_type_tag_object(env, value, &tag);
  return Napi::Value(env, value);
}

const CodesHandle &open_handle(const Napi::Value &value) {
  const CodesHandle &handle = handle_of(value);
  if (!handle.codes) {
    throw make_error(value.Env(), "ANNULUS_CLOSED", "these codes are closed");
  }
  return handle;
}

uint64_t whole_number(const Napi::Value &value, const char *what, uint64_t least, uint64_t most) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most)) ||
      number != static_cast<double>(static_cast<uint64_t>(number))) {
    throw make_error(value.Env(), "ANNULUS_INVALID_ARGUMENT",
                     std::string(what) + " must be a whole number from " + std::to_string(least) +
                         " to " + std::to_string(most));
  }
  return static_cast<uint64_t>(number);
}

Napi::Float32Array float_array(const Napi::Value &value, const char *what) {
  if (!value.IsTypedArray() ||
      value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
    throw make_error(value.Env(), "ANNULUS_INVALID_ARGUMENT",
                     std::string(what) + " must be a Float32Array");
  }
  return value.As<Napi::Float32Array>();
}

void export_codes(Napi::Env env, Napi::Object exports) {
  exports.Set("describe", Napi::Function::New(env, describe, "describe"));
  exports.Set("slots", Napi::Function::New(env, slots, "slots"));
  exports.Set("bytes", Napi::Function::New(env, bytes, "bytes"));
  exports.Set("limitSketches", Napi::Function::New(env, limit_sketches, "limitSketches"));
  exports.Set("fit", Napi::Function::New(env, fit, "fit"));
  exports.Set("decode", Napi::Function::New(env, decode, "decode"));
  exports.Set("scorer", Napi::Function::New(env, scorer, "scorer"));
  exports.Set("source", Napi::Function::New(env, source, "source"));
  exports.Set("close", Napi::Function::New(env, close, "close"));
}

}  // namespace annulus
