// How soon the ring thread gets a processor once it is woken.
//
// It does little at a time, and everybody waits for it: searches to have their reads started and
// their vectors scored, the disk for something to do. But where searches keep all processors, a
// woken thread waits until one of them has used up its slice, which is a few milliseconds. One that
// asks for shorter slices than the running one's is let in at once (Linux 6.12 or later). It needs
// no privilege for that, and its share of the processor stays what it was.
#pragma once

#include <cstdint>

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace annulus::uring {

#if defined(__linux__)
/// The kernel's `struct sched_attr`, which not every libc names.
struct Scheduling {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t slice_ns;  ///< in ordinary policies; 0 where the system knows no such thing
  uint64_t deadline_ns, period_ns;

  /// Of the calling thread. Policy -1 where the system does not tell.
  static Scheduling current() {
    Scheduling scheduling{};
    const long result = ::syscall(SYS_sched_getattr, 0, &scheduling, sizeof(scheduling), 0);
    if (result != 0) scheduling.policy = ~0u;
    return scheduling;
  }
  bool has_slice() const { return policy == SCHED_OTHER && slice_ns > 0; }
};
#endif

/// Nothing of the calling thread's scheduling changes but its slice. False where it has none, or
/// none may be asked for: then all is as before.
inline bool ask_for_short_slices() {
#if defined(__linux__)
  constexpr uint64_t kSliceNs = 100'000;  // the shortest there is
  Scheduling scheduling = Scheduling::current();
  if (!scheduling.has_slice()) return false;
  scheduling.slice_ns = kSliceNs;
  return ::syscall(SYS_sched_setattr, 0, &scheduling, 0) == 0;
#else
  return false;
#endif
}

/// As `top -H` and `perf` show the calling thread.
inline void name_thread([[maybe_unused]] const char *name) {
#if defined(__linux__)
  ::pthread_setname_np(::pthread_self(), name);
#endif
}

}  // namespace annulus::uring
