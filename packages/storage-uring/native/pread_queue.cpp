#include "pread_queue.h"

#if !defined(_WIN32)

#include <unistd.h>

#include <cerrno>

#include "signals.h"

namespace annulus::uring {

PreadQueue::PreadQueue(uint32_t threads) {
  try {
    for (uint32_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  } catch (...) {
    if (threads_.empty()) throw;  // fewer threads than asked for are slower, not wrong
  }
}

void PreadQueue::finish() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
  }
  started_.notify_all();
  for (std::thread &thread : threads_) thread.join();
  threads_.clear();
}

void PreadQueue::work() {
  block_signals();
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    started_.wait(lock, [this] { return closing_ || !ops_.empty(); });
    if (ops_.empty()) return;
    const IoOp op = ops_.front();
    ops_.pop_front();
    lock.unlock();
    const ssize_t result = ::pread(op.fd, op.buffer, op.length, static_cast<off_t>(op.offset));
    const int32_t outcome = result < 0 ? -errno : static_cast<int32_t>(result);
    lock.lock();
    completions_.push_back({op.tag, outcome});
    arrived_.notify_one();
  }
}

int PreadQueue::submit(bool may_wait) {
  std::unique_lock<std::mutex> lock(mutex_);
  system_calls_ += batch_.size();
  ops_.insert(ops_.end(), batch_.begin(), batch_.end());
  if (batch_.size() == 1) {
    started_.notify_one();
  } else if (!batch_.empty()) {
    started_.notify_all();
  }
  batch_.clear();
  if (may_wait) arrived_.wait(lock, [this] { return woken_ || !completions_.empty(); });
  woken_ = false;
  return 0;
}

size_t PreadQueue::reap(IoCompletion *out, size_t max) {
  std::lock_guard<std::mutex> lock(mutex_);
  size_t taken = 0;
  while (taken < max && !completions_.empty()) {
    out[taken++] = completions_.front();
    completions_.pop_front();
  }
  return taken;
}

void PreadQueue::wake() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    woken_ = true;
  }
  arrived_.notify_one();
}

}  // namespace annulus::uring

#endif
