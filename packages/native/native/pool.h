// Worker threads with a foreground and a background queue. Searches go in front; building waits behind.
#pragma once

#include <annulus/abi.h>

#include <memory>

namespace annulus {

class Pool {
 public:
  /// `threads` >= 1. The pool starts with one reference, owned by the caller.
  static Pool *create(uint32_t threads);
  const annulus_pool &table() const { return table_; }
  /// Lets queued jobs finish, then joins all workers. Later jobs run on the submitting thread.
  void close();

 private:
  struct State;
  explicit Pool(uint32_t threads);
  ~Pool();
  static void retain(void *self);
  static void release(void *self);
  static uint32_t threads(void *self);
  static void submit(void *self, void (*run)(void *, uint32_t), void *ctx, int32_t background);

  std::shared_ptr<State> state_;
  annulus_pool table_;
};

}  // namespace annulus
