// A worker pool with the rules of annulus/abi.h, for plain programs.
#pragma once

#include <annulus/abi.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

/// Owned by the program, so that retain and release do nothing; outlives every user.
class SmallPool {
 public:
  explicit SmallPool(uint32_t threads) : count_(threads) {
    for (uint32_t i = 0; i < threads; ++i) threads_.emplace_back([this, i] { work(i); });
  }
  ~SmallPool() { close(); }

  annulus_pool table() {
    return {{ANNULUS_ABI_MAGIC, ANNULUS_KIND_POOL, sizeof(annulus_pool), ANNULUS_ABI_VERSION},
            this,
            [](void *) {},
            [](void *) {},
            [](void *self) { return static_cast<SmallPool *>(self)->count_; },
            submit,
            [](void *) { return 0u; }};
  }

  void close() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      closed_ = true;
    }
    ready_.notify_all();
    for (std::thread &thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  struct Job {
    void (*run)(void *, uint32_t);
    void *ctx;
  };

  static void submit(void *self, void (*run)(void *, uint32_t), void *ctx, int32_t background) {
    auto *pool = static_cast<SmallPool *>(self);
    {
      std::lock_guard<std::mutex> lock(pool->mutex_);
      if (!pool->closed_) {
        (background != 0 ? pool->background_ : pool->foreground_).push_back({run, ctx});
        pool->ready_.notify_one();
        return;
      }
    }
    run(ctx, 0);
  }

  void work(uint32_t worker) {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      std::deque<Job> &queue = foreground_.empty() ? background_ : foreground_;
      if (queue.empty()) {
        if (closed_) return;
        ready_.wait(lock);
        continue;
      }
      const Job job = queue.front();
      queue.pop_front();
      lock.unlock();
      job.run(job.ctx, worker);
      lock.lock();
    }
  }

  uint32_t count_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Job> foreground_;
  std::deque<Job> background_;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};
