// Reading mapped bytes that may be gone: a file truncated or a device failing under a mapping
// raises SIGBUS, which becomes a return value here. POSIX.
//
// The one allowed global of an addon that reads mapped files: a process-wide SIGBUS handler,
// installed once by each addon and never removed, because no later handler in the chain could be
// told about its going. It acts only on a thread inside `run_guarded` of the same addon and only
// when the fault lies in the guarded bytes; every other SIGBUS goes to whoever handled it before.
#ifndef ANNULUS_FAULT_GUARD_H
#define ANNULUS_FAULT_GUARD_H

#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace annulus {

namespace fault_guard {

struct Guard {
  sigjmp_buf point;
  uintptr_t begin;
  uintptr_t end;
  Guard *outer;
};

// Our handler blocks no signals, so a jump out of it need not restore the mask, which would cost a
// system call in every guard. ThreadSanitizer's stands in front of ours and blocks all of them.
#if defined(__SANITIZE_THREAD__)
constexpr int kSaveMask = 1;
#else
constexpr int kSaveMask = 0;
#endif

// Initial-exec, because the handler may run on a thread that never came here, and the default model
// of a shared library may allocate on first use, which a signal handler must not.
#if defined(__GNUC__) && !defined(__APPLE__)
__attribute__((tls_model("initial-exec")))
#endif
inline thread_local Guard *volatile current = nullptr;

inline struct sigaction previous;

// The default action, or a fault that nobody may ignore: give the signal back and let it strike
// again.
inline void die_as_before(int number, const siginfo_t *info) {
  struct sigaction fallback = {};
  fallback.sa_handler = SIG_DFL;
  sigemptyset(&fallback.sa_mask);
  sigaction(number, &fallback, nullptr);
  // A fault repeats when the instruction does; a signal that was sent does not.
  if (info->si_code <= 0) raise(number);
}

inline void pass_on(int number, siginfo_t *info, void *context) {
  if ((previous.sa_flags & SA_SIGINFO) != 0 && previous.sa_sigaction != nullptr) {
    previous.sa_sigaction(number, info, context);
  } else if (previous.sa_handler == SIG_IGN && info->si_code <= 0) {
    return;
  } else if (previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN) {
    die_as_before(number, info);
  } else {
    previous.sa_handler(number);
  }
}

inline void on_bus_error(int number, siginfo_t *info, void *context) {
  Guard *guard = current;
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  // Codes above 0 come from the kernel for this very instruction; others were sent by somebody.
  if (guard != nullptr && info->si_code > 0 && address >= guard->begin && address < guard->end) {
    siglongjmp(guard->point, 1);
  }
  pass_on(number, info, context);
}

inline bool install() {
  // Known before our handler can run, so that a fault on another thread finds its way at once.
  if (sigaction(SIGBUS, nullptr, &previous) != 0) return false;
  struct sigaction ours = {};
  ours.sa_sigaction = &on_bus_error;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&ours.sa_mask);
  return sigaction(SIGBUS, &ours, nullptr) == 0;
}

}  // namespace fault_guard

/// Installs the handler. Idempotent, lock-free, any thread. False when the system refuses.
inline bool install_fault_guard() {
  enum : int { untouched, busy, installed, refused };
  static std::atomic<int> state{untouched};
  int expected = untouched;
  if (state.compare_exchange_strong(expected, busy, std::memory_order_acq_rel)) {
    state.store(fault_guard::install() ? installed : refused, std::memory_order_release);
  }
  int now;
  while ((now = state.load(std::memory_order_acquire)) == busy) std::this_thread::yield();
  return now == installed;
}

/// Runs `body(ctx)`. False when the bytes could not be read; `body` was then left at the faulting
/// instruction, so it must own nothing (no locks, no destructors) and touch no other mapped bytes.
inline bool run_guarded(const uint8_t *bytes, size_t size, void (*body)(void *), void *ctx) {
  static const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  using fault_guard::current;
  fault_guard::Guard guard;
  guard.outer = current;
  // Whole pages: the kernel reports some faults at the page's beginning.
  guard.begin = reinterpret_cast<uintptr_t>(bytes) & ~(page - 1);
  guard.end = (reinterpret_cast<uintptr_t>(bytes) + size + page - 1) & ~(page - 1);
  if (sigsetjmp(guard.point, fault_guard::kSaveMask) != 0) {
    current = guard.outer;
    return false;
  }
  current = &guard;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  body(ctx);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  current = guard.outer;
  return true;
}

}  // namespace annulus

#endif
