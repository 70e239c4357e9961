#include "wrap.h"

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  annulus::init_addon(env, exports);
  annulus::uring::export_probe(env, exports);
  annulus::uring::export_engine(env, exports);
  return exports;
}

NODE_API_MODULE(annulus_storage_uring, init)
