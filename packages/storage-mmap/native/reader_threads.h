// The threads that may wait for page faults, and the queue before them.
//
// Threads are started when work waits and none is idle, up to a limit, so that a storage nobody
// reads has none. Closing is two-staged: no batch begins after `close`, and once the last one has
// ended the threads leave; the last of them reports it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "batch.h"

namespace annulus {

class ReaderThreads {
 public:
  /// `run(owner, batch, begin, end)` is called on a thread for each part of a batch.
  using Run = void (*)(void *owner, Batch *batch, size_t begin, size_t end);

  ReaderThreads(uint32_t threads_max, Run run, void *owner);
  /// `join` must have returned, or no thread ever been started.
  ~ReaderThreads() = default;

  /// Announces a batch; false when closed. Each announced batch must `end`.
  bool begin();

  /// Hands vectors [batch->next, size) to the threads, `batch->part` at a time. The batch stays the
  /// caller's; it must outlive its last part. False when there is no thread and none can be
  /// started.
  bool enqueue(Batch *batch);

  void end();

  /// Refuses further batches. When the last has ended and all threads have left, calls
  /// `closed(ctx)` once: on the last of them (one is started if need be), or on the caller that
  /// ends the last batch. Called once, before `join`.
  void close(void (*closed)(void *ctx), void *ctx);

  /// Closes, waits for the last batch to end, and for the threads. Any thread but a reader thread.
  void join();

 private:
  void work();
  bool start_thread();
  void report_when_closed(std::unique_lock<std::mutex> &lock);

  const uint32_t threads_max_;
  const Run run_;
  void *const owner_;
  std::mutex mutex_;
  std::condition_variable ready_;    // a part waits, or it is time to leave
  std::condition_variable drained_;  // the last batch, or the report, has ended
  std::vector<std::thread> threads_;
  Batch *first_ = nullptr;
  Batch *last_ = nullptr;
  size_t parts_ = 0;  // queued and not taken
  size_t idle_ = 0;
  size_t running_ = 0;  // threads that have not left
  size_t batches_ = 0;  // begun and not ended
  bool closed_ = false;
  bool reporting_ = false;
  void (*on_closed_)(void *) = nullptr;
  void *on_closed_ctx_ = nullptr;
};

}  // namespace annulus
