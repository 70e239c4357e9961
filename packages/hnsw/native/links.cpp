#include "links.h"

#include <thread>

namespace annulus::hnsw {

void NodeLock::pause() {
  // Waiting on a plain load keeps the cache line shared; after a while the holder may need our
  // core.
  for (uint32_t i = 0; i < 64; ++i) {
    if (__atomic_load_n(byte_, __ATOMIC_RELAXED) == 0) return;
  }
  if (++turns_ > 4) std::this_thread::yield();
}

}  // namespace annulus::hnsw
