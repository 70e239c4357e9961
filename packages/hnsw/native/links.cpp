#include "links.h"

#include <chrono>
#include <thread>

namespace annulus::hnsw {

void NodeLock::pause() {
  // Waiting on a plain load keeps the cache line shared; after a while the holder may need our
  // core.
  for (uint32_t i = 0; i < 64; ++i) {
    if (__atomic_load_n(byte_, __ATOMIC_RELAXED) == 0) return;
  }
  // Who builds beside searches may have been stopped, and goes on only when a core is idle.
  if (++turns_ > 64) return std::this_thread::sleep_for(std::chrono::microseconds(50));
  if (turns_ > 4) std::this_thread::yield();
}

}  // namespace annulus::hnsw
