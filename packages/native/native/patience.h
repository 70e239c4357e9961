// Looking for something for a moment instead of sleeping until one is woken: to be woken takes tens
// of microseconds, as long as a short search.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace annulus {

/// Whether to look. Looking in vain costs its time and nothing comes of it, so each time that it
/// was in vain the next looks become rarer, up to one in 64; one that found what it waited for
/// makes the next worth trying again.
class Patience {
 public:
  /// To be asked before each wait.
  bool worth_looking() {
    if (skips_ == 0) return true;
    --skips_;
    return false;
  }
  void came() { in_vain_ = 0; }
  void was_in_vain() {
    in_vain_ = std::min(in_vain_ + 1, kInVainMost);
    skips_ = (uint32_t{1} << in_vain_) - 1;
  }

 private:
  static constexpr uint32_t kInVainMost = 6;
  uint32_t in_vain_ = 0;  // one after the other
  uint32_t skips_ = 0;
};

/// Tells the core that this thread only waits.
inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Looks for so long until `value` is no longer what was `seen`; whether it is.
inline bool look_for_change(const std::atomic<uint32_t> &value, uint32_t seen,
                            std::chrono::nanoseconds longest) {
  constexpr int kLooks = 32;  // between two looks at the clock
  const auto until = std::chrono::steady_clock::now() + longest;
  do {
    for (int i = 0; i < kLooks; ++i) {
      if (value.load(std::memory_order_acquire) != seen) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < until);
  return value.load(std::memory_order_acquire) != seen;
}

}  // namespace annulus
