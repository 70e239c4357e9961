// probe({ denyErrno }): { supported, stage, errno, setupFlags }. JavaScript words the reason.
#include <cmath>

#include "probe.h"
#include "wrap.h"

namespace annulus::uring {

uint32_t integer_of(const Napi::Object &options, const char *name, uint32_t min, uint32_t max) {
  const Napi::Value value = options.Get(name);
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (number >= min && number <= max && number == std::floor(number)) {
    return static_cast<uint32_t>(number);
  }
  throw Napi::RangeError::New(options.Env(), std::string(name) + " is out of range");
}

std::unique_ptr<RingOps> ring_ops_of(const Napi::Object &options) {
  const uint32_t error = integer_of(options, "denyErrno", 0, 4095);
  return error == 0 ? kernel_ring_ops() : denied_ring_ops(static_cast<int>(error));
}

namespace {

Napi::Value probe_ring(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsObject()) throw Napi::TypeError::New(env, "the options must be an object");
  const std::unique_ptr<RingOps> ops = ring_ops_of(info[0].As<Napi::Object>());
  const ProbeResult probed = probe(*ops);
  Napi::Object result = Napi::Object::New(env);
  result.Set("supported", probed.supported);
  result.Set("stage", static_cast<uint32_t>(probed.stage));
  result.Set("errno", probed.error);
  result.Set("setupFlags", probed.setup_flags);
  return result;
}

}  // namespace

void export_probe(Napi::Env env, Napi::Object exports) {
  exports.Set("probe", Napi::Function::New(env, &probe_ring));
}

}  // namespace annulus::uring
