// A large job as pieces that a few threads take in turn. For work that mostly waits for the disk,
// where more of it must be on its way at once than there are cores.
#ifndef ANNULUS_PIECES_H
#define ANNULUS_PIECES_H

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

namespace annulus {

/// Calls `work(piece, thread)` for every piece below `pieces`, lower pieces begun first, on the
/// calling thread (number 0) and up to `threads` - 1 more, as far as the system has them. Returns
/// when all are done. `work` must not throw. May throw std::bad_alloc before anything is called.
template <typename Work>
void each_piece(size_t pieces, size_t threads, Work work) {
  std::atomic<size_t> next{0};
  const auto run = [&](size_t thread) {
    for (size_t piece; (piece = next.fetch_add(1, std::memory_order_relaxed)) < pieces;) {
      work(piece, thread);
    }
  };
  std::vector<std::thread> others;
  const size_t wanted = std::min(pieces, threads);
  others.reserve(wanted);
  try {
    while (others.size() + 1 < wanted) others.emplace_back(run, others.size() + 1);
  } catch (const std::exception &) {
    // Those that there are do it all.
  }
  run(0);
  for (std::thread &other : others) other.join();
}

}  // namespace annulus

#endif
