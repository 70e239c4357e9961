// releaseHandle(handle): a handle of a table gives its memory back before it is collected.
#include <annulus/externals.h>

#include "wrap.h"

namespace annulus {

namespace {

void release_handle(const Napi::CallbackInfo &info) {
  const Napi::Value handle = info[0];
  if (release_table<annulus_source>(handle, ANNULUS_KIND_SOURCE) ||
      release_table<annulus_scorer>(handle, ANNULUS_KIND_SCORER) ||
      release_table<annulus_reader>(handle, ANNULUS_KIND_READER)) {
    return;
  }
  throw Napi::TypeError::New(info.Env(), "only sources, scorers and readers can be released");
}

}  // namespace

void export_handles(Napi::Env env, Napi::Object exports) {
  exports.Set("releaseHandle", Napi::Function::New(env, release_handle, "releaseHandle"));
}

}  // namespace annulus
