#include "wrap_polling.h"

#include <utility>

namespace annulus {

namespace {
// Longer searches are worth being woken for.
constexpr uint64_t kLongestNs = 150'000;
}  // namespace

struct LoopPolling::Idle {
  uv_idle_t handle;
  std::shared_ptr<LoopPolling> owner;
  napi_async_cleanup_hook_handle hook = nullptr;
};

std::shared_ptr<LoopPolling> LoopPolling::create(napi_env env) {
  auto polling = std::make_shared<LoopPolling>();
  uv_loop_t *loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return polling;
  auto idle = std::make_unique<Idle>();
  if (uv_idle_init(loop, &idle->handle) != 0) return polling;
  idle->handle.data = idle.get();
  idle->owner = polling;
  polling->idle_ = idle.release();
  // An operation under way keeps the process alive, polling for it does not.
  uv_unref(reinterpret_cast<uv_handle_t *>(&polling->idle_->handle));
  polling->cores_ = uv_available_parallelism();
  napi_add_async_cleanup_hook(
      env,
      [](napi_async_cleanup_hook_handle hook, void *self) {
        static_cast<LoopPolling *>(self)->close(hook);
      },
      polling.get(), nullptr);
  return polling;
}

void LoopPolling::began(uint32_t jobs) {
  ++under_way_;
  // One core is the event loop's.
  if (jobs >= cores_ || under_way_ >= cores_) return stop();
  if (idle_ == nullptr || (!polling_ && !patience_.worth_looking())) return;
  until_ = uv_hrtime() + kLongestNs;
  if (polling_) return;
  polling_ = true;
  uv_idle_start(&idle_->handle,
                [](uv_idle_t *handle) { static_cast<Idle *>(handle->data)->owner->turn(); });
}

void LoopPolling::ended() {
  if (--under_way_ > 0 || !polling_) return;
  patience_.came();
  stop();
}

void LoopPolling::turn() {
  if (uv_hrtime() < until_) return;
  patience_.was_in_vain();
  stop();
}

void LoopPolling::stop() {
  if (!polling_) return;
  polling_ = false;
  uv_idle_stop(&idle_->handle);
}

void LoopPolling::close(napi_async_cleanup_hook_handle hook) {
  stop();
  idle_->hook = hook;
  uv_close(reinterpret_cast<uv_handle_t *>(&std::exchange(idle_, nullptr)->handle),
           [](uv_handle_t *handle) {
             const std::unique_ptr<Idle> idle(static_cast<Idle *>(handle->data));
             napi_remove_async_cleanup_hook(idle->hook);
           });
}

}  // namespace annulus
