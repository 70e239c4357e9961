// What every addon keeps per environment: its settler and the error class of @annulus/native.
#ifndef ANNULUS_ADDON_H
#define ANNULUS_ADDON_H

#include <annulus/abi.h>
#include <annulus/napi_setup.h>
#include <annulus/task.h>

#include <cstring>
#include <memory>
#include <string>

namespace annulus {

struct AddonData {
  explicit AddonData(Napi::Env env)
      : held_settler(std::make_shared<Settler>(env)), settler(*held_settler) {}
  /// For other threads, which may come to it when the environment has ended.
  std::shared_ptr<Settler> held_settler;
  Settler &settler;
  Napi::FunctionReference error_class;
};

inline AddonData &addon_data(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

/// A JavaScript `AnnulusError(code, message, { details })`; plain Error before the loader has run.
inline Napi::Error make_error(Napi::Env env, const char *code, const std::string &message,
                              const Napi::Object &details = Napi::Object()) {
  AddonData &data = addon_data(env);
  if (data.error_class.IsEmpty()) return Napi::Error::New(env, std::string(code) + ": " + message);
  Napi::Object options = Napi::Object::New(env);
  if (!details.IsEmpty()) options.Set("details", details);
  return Napi::Error(env, data.error_class.New({Napi::String::New(env, code),
                                                Napi::String::New(env, message), options}));
}

/// The error for a status of abi.h; `what` names the operation, `detail` is an errno where there is
/// one.
inline Napi::Error status_error(Napi::Env env, int32_t status, const std::string &what,
                                int32_t detail = 0, uint64_t slot = 0) {
  Napi::Object details = Napi::Object::New(env);
  switch (status) {
    case ANNULUS_ABORTED:
      return make_error(env, "ANNULUS_ABORTED", what + " was aborted");
    case ANNULUS_IO:
      details.Set("errno", Napi::Number::New(env, detail));
      details.Set("slot", Napi::Number::New(env, static_cast<double>(slot)));
      return make_error(env, "ANNULUS_IO",
                        what + " failed: " + std::strerror(detail) + " (errno " +
                            std::to_string(detail) + ") at slot " + std::to_string(slot),
                        details);
    case ANNULUS_CORRUPT:
      details.Set("slot", Napi::Number::New(env, static_cast<double>(slot)));
      return make_error(env, "ANNULUS_CORRUPT",
                        what + " found a damaged vector at slot " + std::to_string(slot) +
                            ": its checksum does not match",
                        details);
    case ANNULUS_CLOSED:
      return make_error(env, "ANNULUS_CLOSED", what + " was called on something already closed");
    case ANNULUS_OUT_OF_MEMORY:
      return make_error(env, "ANNULUS_OUT_OF_MEMORY", what + " ran out of memory");
    case ANNULUS_OUT_OF_RANGE:
      details.Set("slot", Napi::Number::New(env, static_cast<double>(slot)));
      return make_error(env, "ANNULUS_OUT_OF_RANGE",
                        what + " names slot " + std::to_string(slot) + ", which was never written",
                        details);
    default:
      return make_error(env, "ANNULUS_INTERNAL",
                        what + " ended with the unknown status " + std::to_string(status));
  }
}

/// First statement of every addon's init.
inline void init_addon(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new AddonData(env));
  exports.Set("setErrorClass", Napi::Function::New(env, [](const Napi::CallbackInfo &info) {
                if (!info[0].IsFunction()) {
                  throw Napi::TypeError::New(info.Env(), "setErrorClass takes a class");
                }
                AddonData &data = addon_data(info.Env());
                data.error_class = Napi::Persistent(info[0].As<Napi::Function>());
              }));
  exports.Set("pending", Napi::Function::New(env, [](const Napi::CallbackInfo &info) {
                return Napi::Number::New(
                    info.Env(), static_cast<double>(addon_data(info.Env()).settler.pending()));
              }));
}

}  // namespace annulus

#endif
