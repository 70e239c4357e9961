// The exports of the native foundation, one function per wrap file.
#pragma once
#include <annulus/addon.h>

namespace annulus {
void export_handles(Napi::Env env, Napi::Object exports);
void export_lock(Napi::Env env, Napi::Object exports);
void export_page_cache(Napi::Env env, Napi::Object exports);
void export_pool(Napi::Env env, Napi::Object exports);
void export_scattered_write(Napi::Env env, Napi::Object exports);
void export_search(Napi::Env env, Napi::Object exports);
void export_vectors(Napi::Env env, Napi::Object exports);
}  // namespace annulus
