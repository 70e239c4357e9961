// The ring thread: plans reads of all requests, keeps the queue full, and scores each read as it
// arrives.
//
// The subtle rule: from push to completion a buffer is the kernel's, so an aborted or failed
// request is done only when its last part in flight has come back, and a read is never given up
// before.
#pragma once

#include <memory>
#include <optional>

#include "buffer_pool.h"
#include "engine_state.h"
#include "read_plan.h"
#include "reads.h"

namespace annulus::uring {

class RingLoop {
 public:
  explicit RingLoop(EngineState &state) : state_(state) {}

  /// Sets up the ring or the fallback. May throw; then the loop is not to be run.
  StartResult open();
  /// Serves until closed and drained.
  void run();

 private:
  // A stretch of a request planned at a time: bounds sorting and memory however long the request.
  static constexpr size_t kWindow = 1024;

  // Intake (ring_loop.cpp).
  void take();
  void fill();
  bool next_window(Request &request);
  void start_read(Request &request);
  void aim(Read &read, const ByteRange &range, uint32_t last);
  void count_in_flight();
  bool join(Request &request);
  void push(uint32_t number);
  bool may_wait();

  // Completion (ring_completion.cpp).
  void complete(const IoCompletion &completion);
  void resume(uint32_t number, bool progressed);
  void deliver(uint32_t number);
  bool serve(const Part &part, const char *bytes, const Segment &segment);
  void keep_hot(const Part &part, const char *bytes, uint64_t rewrites);
  void fail(uint32_t number, int32_t status, int error);
  bool split(uint32_t number);
  void read_next_slot(uint32_t number);
  void release(uint32_t number);
  void break_down(int error);
  void let_go(uint32_t part);

  bool stopped(Request &request);
  void end(Request &request, int32_t status, int error, uint64_t slot);
  void finish_if_done(Request &request);
  void report();

  void queue_back(Request *request);
  void unqueue_front();

  EngineState &state_;
  BufferPool pool_;
  std::unique_ptr<Reads> reads_;
  std::optional<ReadPlan> plan_;  // from the first request on, when the alignment is known
  Request *first_ = nullptr;      // requests with slots that no read covers yet
  Request *last_ = nullptr;
  Request *finished_ = nullptr;  // done, and to be told so when the counters say so too
  bool saw_stopping_ = false;
};

}  // namespace annulus::uring
