// Worker threads with a foreground and a background queue. Searches go in front; building waits
// behind, gets a small share of any load, and leaves a worker free while searches come.
#pragma once

#include <annulus/abi.h>

#include <memory>

namespace annulus {

class Pool {
 public:
  /// `threads` >= 1; fewer are started when the system refuses more, std::system_error when it
  /// refuses the first. The pool starts with one reference, owned by the caller.
  static Pool *create(uint32_t threads);
  const annulus_pool &table() const { return table_; }
  /// Ends the threads once the queues are empty; does not wait. Jobs submitted after the last
  /// thread has ended run on the submitting thread, one at a time, as worker 0.
  void close();

 private:
  struct State;
  explicit Pool(uint32_t threads);
  ~Pool();
  static void retain(void *self);
  static void release(void *self);
  static uint32_t threads(void *self);
  // noexcept: who was refused could not tell which of his jobs still run.
  static void submit(void *self, void (*run)(void *, uint32_t), void *ctx,
                     int32_t background) noexcept;

  std::shared_ptr<State> state_;
  annulus_pool table_;
};

}  // namespace annulus
