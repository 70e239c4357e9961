// Keeps the event loop from sleeping while a short search is under way: to be woken from an idle
// core takes as long as the search. The loop turns on meanwhile, and serves everything else in each
// turn.
//
// Lifetime: held by the environment until its cleanup has closed the handle, and by whoever was
// given it. All on the JavaScript thread.
#pragma once

#include <annulus/napi_setup.h>
#include <uv.h>

#include <cstdint>
#include <memory>

#include "patience.h"

namespace annulus {

class LoopPolling : public std::enable_shared_from_this<LoopPolling> {
 public:
  /// Never null; does nothing where the environment has no loop to poll.
  static std::shared_ptr<LoopPolling> create(napi_env env);

  /// An operation has begun that may end soon; `jobs` is how many are under way in all.
  void began(uint32_t jobs);
  /// One that had begun has settled.
  void ended();

 private:
  struct Idle;

  void turn();
  void stop();
  void close(napi_async_cleanup_hook_handle hook);

  Idle *idle_ = nullptr;  // closes and is freed after the environment's cleanup has begun
  uint32_t cores_ = 1;
  uint32_t under_way_ = 0;
  bool polling_ = false;
  uint64_t until_ = 0;
  Patience patience_;
};

}  // namespace annulus
