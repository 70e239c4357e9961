// IoQueue where no ring is allowed: a few threads that call pread. Same state machine above, same
// answers.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "io_queue.h"

namespace annulus::uring {

class PreadQueue final : public IoQueue {
 public:
  /// Throws std::system_error when no thread can be started.
  explicit PreadQueue(uint32_t threads);
  ~PreadQueue() override { finish(); }

  void push(const IoOp &op) override { batch_.push_back(op); }
  int submit(bool may_wait) override;
  size_t reap(IoCompletion *out, size_t max) override;
  void wake() override;
  void finish() override;
  uint64_t system_calls() const override { return system_calls_; }

 private:
  void work();

  std::vector<IoOp> batch_;  // the owner's, not yet started
  std::mutex mutex_;
  std::condition_variable started_;
  std::condition_variable arrived_;
  std::deque<IoOp> ops_;
  std::deque<IoCompletion> completions_;
  bool woken_ = false;
  bool closing_ = false;
  uint64_t system_calls_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace annulus::uring
