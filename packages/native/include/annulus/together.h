// Work in parts that the caller waits for, with idle workers taking part.
#ifndef ANNULUS_TOGETHER_H
#define ANNULUS_TOGETHER_H

#include <annulus/abi.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace annulus {

namespace together {

// Shared with helpers that may start after the caller has returned; they then find no part left and
// never touch `work`.
struct Parts {
  size_t count;
  const std::function<void(size_t)> *work;
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::condition_variable all_ended;
  size_t ended = 0;

  void take() {
    size_t mine = 0;
    for (;;) {
      const size_t part = next.fetch_add(1, std::memory_order_relaxed);
      if (part >= count) break;
      (*work)(part);
      ++mine;
    }
    if (mine == 0) return;
    std::lock_guard<std::mutex> lock(mutex);
    ended += mine;
    if (ended == count) all_ended.notify_all();
  }
};

inline void help(void *ctx, uint32_t) {
  const std::unique_ptr<std::shared_ptr<Parts>> parts(static_cast<std::shared_ptr<Parts> *>(ctx));
  (*parts)->take();
}

}  // namespace together

/// Runs `work(part)` for each part in [0, count) on the calling thread and on idle workers of
/// `pool` (NULL: on none), and returns when all have ended. Called on a worker it cannot deadlock:
/// the caller takes whatever no other worker has begun. `work` must not throw.
inline void run_together(const annulus_pool *pool, size_t count,
                         const std::function<void(size_t part)> &work) {
  if (count == 0) return;
  const size_t threads = count > 1 && pool != nullptr ? pool->threads(pool->self) : 1;
  const size_t helpers = std::min(count, std::max<size_t>(threads, 1)) - 1;
  if (helpers == 0) {
    for (size_t part = 0; part < count; ++part) work(part);
    return;
  }
  const auto parts = std::make_shared<together::Parts>();
  parts->count = count;
  parts->work = &work;
  // Allocated before the first is submitted: nothing may throw once helpers can see `work`.
  std::vector<std::unique_ptr<std::shared_ptr<together::Parts>>> prepared;
  for (size_t i = 0; i < helpers; ++i) {
    prepared.push_back(std::make_unique<std::shared_ptr<together::Parts>>(parts));
  }
  for (auto &helper : prepared) pool->submit(pool->self, together::help, helper.release(), 0);
  parts->take();
  std::unique_lock<std::mutex> lock(parts->mutex);
  parts->all_ended.wait(lock, [&] { return parts->ended == parts->count; });
}

}  // namespace annulus

#endif
