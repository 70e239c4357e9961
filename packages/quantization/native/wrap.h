// The exports of the addon, one function per wrap file, and what they share.
#pragma once

#include <annulus/addon.h>
#include <annulus/externals.h>

#include "codes.h"

namespace annulus {

void export_codes(Napi::Env env, Napi::Object exports);
void export_probe(Napi::Env env, Napi::Object exports);
void export_kernels(Napi::Env env, Napi::Object exports);
void export_operations(Napi::Env env, Napi::Object exports);
void export_snapshot(Napi::Env env, Napi::Object exports);
void export_training(Napi::Env env, Napi::Object exports);

/// What a JavaScript handle of codes holds; empty once closed.
struct CodesHandle {
  CodesRef codes;
  Held<annulus_pool> pool;
};

Napi::Value new_codes_handle(Napi::Env env, const CodesRef &codes, const Held<annulus_pool> &pool);

/// The open handle in a value from JavaScript; throws TypeError or ANNULUS_CLOSED.
const CodesHandle &open_handle(const Napi::Value &value);

/// A whole number from `least` to `most`; throws ANNULUS_INVALID_ARGUMENT otherwise.
uint64_t whole_number(const Napi::Value &value, const char *what, uint64_t least, uint64_t most);

/// The elements of a Float32Array; throws ANNULUS_INVALID_ARGUMENT for anything else.
Napi::Float32Array float_array(const Napi::Value &value, const char *what);

}  // namespace annulus
