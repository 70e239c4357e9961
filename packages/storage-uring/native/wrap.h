// The exports of the io_uring backend, one function per wrap file, and the checks they share.
#pragma once

#include <annulus/addon.h>

#include <memory>
#include <string>

#include "ring_ops.h"

namespace annulus::uring {

void export_probe(Napi::Env env, Napi::Object exports);
void export_engine(Napi::Env env, Napi::Object exports);

/// An integer property within [min, max]; throws RangeError.
uint32_t integer_of(const Napi::Object &options, const char *name, uint32_t min, uint32_t max);

/// The kernel, or one that denies set-up when `denyErrno` is not 0.
std::unique_ptr<RingOps> ring_ops_of(const Napi::Object &options);

}  // namespace annulus::uring
