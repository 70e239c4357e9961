#include "wrap.h"

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  annulus::init_addon(env, exports);
  annulus::export_handles(env, exports);
  annulus::export_lock(env, exports);
  annulus::export_page_cache(env, exports);
  annulus::export_pool(env, exports);
  annulus::export_scattered_write(env, exports);
  annulus::export_search(env, exports);
  annulus::export_vectors(env, exports);
  return exports;
}

NODE_API_MODULE(annulus_native, init)
