// Worker threads with a foreground and a background queue. Searches go in front. While they come,
// building is left to spare workers, which run where a core would be idle, and gets a small share
// of the others besides; else all build.
#pragma once

#include <annulus/abi.h>

#include <memory>

namespace annulus {

class Pool {
 public:
  /// `threads` >= 1; fewer are started when the system refuses more, std::system_error when it
  /// refuses the first. The pool starts with one reference, owned by the caller.
  /// Without `spares`, or where the system does not know such threads, building gets a larger share
  /// of the workers and leaves one of them free. With at least two `cores` workers that have served
  /// a search look for the next one for a moment before they sleep, while there are cores for
  /// them and for the event loop.
  static Pool *create(uint32_t threads, bool spares = true, uint32_t cores = 1);
  const annulus_pool &table() const { return table_; }
  /// Ends the threads once the queues are empty; does not wait. Jobs submitted after the last
  /// thread has ended run on the submitting thread, one at a time, as worker 0.
  void close();

 private:
  struct State;
  Pool(uint32_t threads, bool spares, uint32_t cores);
  ~Pool();
  void start_spares();
  static void retain(void *self);
  static void release(void *self);
  static uint32_t threads(void *self);
  // noexcept: who was refused could not tell which of his jobs still run.
  static void submit(void *self, void (*run)(void *, uint32_t), void *ctx,
                     int32_t background) noexcept;
  static uint32_t jobs(void *self);

  std::shared_ptr<State> state_;
  annulus_pool table_;
};

}  // namespace annulus
