#include "wrap.h"

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  annulus::init_addon(env, exports);
  annulus::export_reader(env, exports);
  return exports;
}

NODE_API_MODULE(annulus_storage_mmap, init)
