#include "wrap.h"

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  annulus::init_addon(env, exports);
  annulus::hnsw::export_graph(env, exports);
  return exports;
}

NODE_API_MODULE(annulus_hnsw, init)
