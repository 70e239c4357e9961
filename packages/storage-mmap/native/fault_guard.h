// Reading mapped bytes that may be gone: a file truncated or a device failing under a mapping
// raises SIGBUS, which becomes a return value here.
//
// The one allowed global of this package: a process-wide SIGBUS handler, installed once and never
// removed, because no later handler in the chain could be told about its going. It acts only on a
// thread inside `run_guarded` and only when the fault lies in the guarded bytes; every other SIGBUS
// goes to whoever handled it before.
#pragma once

#include <cstddef>
#include <cstdint>

namespace annulus {

/// Installs the handler. Idempotent, lock-free, any thread. False when the system refuses.
bool install_fault_guard();

/// Runs `body(ctx)`. False when the bytes could not be read; `body` was then left at the faulting
/// instruction, so it must own nothing (no locks, no destructors) and touch no other mapped bytes.
bool run_guarded(const uint8_t *bytes, size_t size, void (*body)(void *), void *ctx);

}  // namespace annulus
