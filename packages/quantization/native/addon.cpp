#include "wrap.h"

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  annulus::init_addon(env, exports);
  annulus::export_codes(env, exports);
  annulus::export_kernels(env, exports);
  annulus::export_operations(env, exports);
  annulus::export_probe(env, exports);
  annulus::export_snapshot(env, exports);
  annulus::export_training(env, exports);
  return exports;
}

NODE_API_MODULE(annulus_quantization, init)
