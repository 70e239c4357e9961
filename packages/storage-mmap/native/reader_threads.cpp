#include "reader_threads.h"

#include <signal.h>

#include <exception>

namespace annulus {

namespace {

// Signals meant for the process are for threads that wait for nothing. Faults stay deliverable: a
// blocked one would kill the process.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    for (const int fault : {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF}) {
      sigdelset(&all, fault);
    }
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked &) = delete;
  SignalsBlocked &operator=(const SignalsBlocked &) = delete;

 private:
  sigset_t before_;
};

size_t parts_of(const Batch &batch) {
  return (batch.size() - batch.next + batch.part - 1) / batch.part;
}

}  // namespace

ReaderThreads::ReaderThreads(uint32_t threads_max, Run run, void *owner)
    : threads_max_(threads_max < 1 ? 1 : threads_max), run_(run), owner_(owner) {
  threads_.reserve(threads_max_);
}

bool ReaderThreads::begin() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) return false;
  ++batches_;
  return true;
}

bool ReaderThreads::enqueue(Batch *batch) {
  std::lock_guard<std::mutex> lock(mutex_);
  const size_t parts = parts_of(*batch);
  parts_ += parts;
  while (parts_ > idle_ && running_ < threads_max_ && start_thread()) {
  }
  if (running_ == 0) {
    parts_ -= parts;
    return false;
  }
  batch->behind = nullptr;
  (last_ != nullptr ? last_->behind : first_) = batch;
  last_ = batch;
  const size_t wanted = parts < idle_ ? parts : idle_;
  for (size_t i = 0; i < wanted; ++i) ready_.notify_one();
  return true;
}

bool ReaderThreads::start_thread() {
  try {
    const SignalsBlocked blocked;
    threads_.emplace_back([this] { work(); });
  } catch (const std::exception &) {
    return false;  // the system has no more threads or memory to give
  }
  ++running_;
  ++idle_;
  return true;
}

void ReaderThreads::work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    Batch *batch = first_;
    if (batch == nullptr) {
      if (closed_ && batches_ == 0) break;
      ready_.wait(lock);
      continue;
    }
    const size_t begin = batch->next;
    const size_t end = batch->size() - begin > batch->part ? begin + batch->part : batch->size();
    batch->next = end;
    if (end == batch->size()) {
      first_ = batch->behind;
      if (first_ == nullptr) last_ = nullptr;
    }
    --parts_;
    --idle_;
    lock.unlock();
    run_(owner_, batch, begin, end);
    lock.lock();
    ++idle_;
  }
  --idle_;
  --running_;
  report_when_closed(lock);
}

void ReaderThreads::end() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (--batches_ > 0 || !closed_) return;
  ready_.notify_all();
  drained_.notify_all();
  report_when_closed(lock);
}

void ReaderThreads::close(void (*closed)(void *ctx), void *ctx) {
  std::unique_lock<std::mutex> lock(mutex_);
  on_closed_ = closed;
  on_closed_ctx_ = ctx;
  closed_ = true;
  if (batches_ > 0) return;
  if (running_ == 0) start_thread();
  ready_.notify_all();
  report_when_closed(lock);
}

void ReaderThreads::report_when_closed(std::unique_lock<std::mutex> &lock) {
  if (!closed_ || batches_ > 0 || running_ > 0 || on_closed_ == nullptr) return;
  void (*closed)(void *) = on_closed_;
  on_closed_ = nullptr;
  // Whoever is told, and then joins, finds the report still running and waits for it.
  reporting_ = true;
  lock.unlock();
  closed(on_closed_ctx_);
  lock.lock();
  reporting_ = false;
  drained_.notify_all();
}

void ReaderThreads::join() {
  std::vector<std::thread> threads;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    closed_ = true;
    drained_.wait(lock, [this] { return batches_ == 0 && !reporting_; });
    ready_.notify_all();
    threads.swap(threads_);
  }
  for (std::thread &thread : threads) thread.join();
}

}  // namespace annulus
