// Waits for a callback.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

template <typename Result>
class Arrival {
 public:
  void set(Result result) {
    std::lock_guard<std::mutex> lock(mutex_);
    result_ = std::move(result);
    arrived_ = true;
    ready_.notify_all();
  }
  Result wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    ready_.wait(lock, [this] { return arrived_; });
    return std::move(result_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  Result result_{};
  bool arrived_ = false;
};
