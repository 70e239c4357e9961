// The exports of the mmap backend, one function per wrap file.
#pragma once
#include <annulus/addon.h>

namespace annulus {
void export_reader(Napi::Env env, Napi::Object exports);
}  // namespace annulus
