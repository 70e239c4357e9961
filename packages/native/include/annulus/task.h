// Promises of native work: what starts on the JavaScript thread, runs on others, and settles
// exactly once.
//
// Lifetime: a Task belongs to its environment's Settler from `begin` until it has settled. When the
// environment goes away first (a worker thread ends, the process exits), every live task is asked
// to stop, waited for, and then destroyed without touching JavaScript. Work must therefore always
// end by calling `finish`, soon after `abort_flag()` becomes non-zero.
#ifndef ANNULUS_TASK_H
#define ANNULUS_TASK_H

#include <annulus/abi.h>
#include <annulus/napi_setup.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace annulus {

class Settler;

class Task {
 public:
  explicit Task(Napi::Env env) : deferred_(Napi::Promise::Deferred::New(env)) {}
  virtual ~Task() = default;
  Task(const Task &) = delete;
  Task &operator=(const Task &) = delete;

  /// Resolves or rejects `deferred()`. JavaScript thread, called once; may throw Napi::Error, which
  /// then becomes the rejection.
  virtual void settle(Napi::Env env) = 0;

  /// Non-zero once the work should stop. Read with `__atomic_load_n`; safe on any thread.
  const int32_t *abort_flag() const { return abort_; }
  bool aborted() const { return __atomic_load_n(abort_, __ATOMIC_RELAXED) != 0; }

  /// Uses the first element of an Int32Array as abort flag (JavaScript sets it with Atomics.store).
  /// `undefined` leaves the task's own flag in place.
  void watch(const Napi::Value &flag) {
    if (flag.IsUndefined() || flag.IsNull()) return;
    if (!flag.IsTypedArray() || flag.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array ||
        flag.As<Napi::Int32Array>().ElementLength() < 1) {
      throw Napi::TypeError::New(flag.Env(), "the abort flag must be an Int32Array of one element");
    }
    keep(flag.As<Napi::Object>());
    abort_ = flag.As<Napi::Int32Array>().Data();
  }

  /// Keeps a JavaScript object (a buffer the work reads) alive until the task has settled.
  void keep(Napi::Object object) { kept_.push_back(Napi::Persistent(object)); }

  const Napi::Promise::Deferred &deferred() const { return deferred_; }
  Napi::Promise promise() const { return deferred_.Promise(); }

 private:
  friend class Settler;
  Napi::Promise::Deferred deferred_;
  std::vector<Napi::ObjectReference> kept_;
  int32_t own_abort_ = 0;
  int32_t *abort_ = &own_abort_;
  Task *previous_ = nullptr;
  Task *next_ = nullptr;
};

/// Brings finished tasks back to the JavaScript thread, many per wake-up. One per environment and
/// addon.
class Settler {
 public:
  explicit Settler(Napi::Env env) : env_(env) {
    napi_value name;
    napi_create_string_utf8(env, "annulus", NAPI_AUTO_LENGTH, &name);
    napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this,
                                    &Settler::on_wake, &wake_);
    napi_unref_threadsafe_function(env, wake_);
    napi_add_env_cleanup_hook(env, &Settler::on_cleanup, this);
  }

  /// JavaScript thread. The returned task is live until it settles; call `finish` exactly once.
  template <typename T>
  T *begin(std::unique_ptr<T> task) {
    T *raw = task.release();
    raw->next_ = live_;
    if (live_ != nullptr) live_->previous_ = raw;
    live_ = raw;
    if (pending_++ == 0) napi_ref_threadsafe_function(env_, wake_);
    return raw;
  }

  /// Any thread.
  void finish(Task *task) {
    std::lock_guard<std::mutex> lock(mutex_);
    finished_.push_back(task);
    if (closing_) {
      arrived_.notify_all();
    } else if (!scheduled_) {
      scheduled_ = napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking) == napi_ok;
    }
  }

  /// JavaScript thread. Operations that have begun and not settled.
  size_t pending() const { return pending_; }

 private:
  static void on_wake(napi_env env, napi_value, void *context, void *) {
    if (env != nullptr) static_cast<Settler *>(context)->drain(env);
  }

  void drain(Napi::Env env) {
    std::vector<Task *> batch;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      batch.swap(finished_);
      scheduled_ = false;
    }
    for (Task *task : batch) {
      Napi::HandleScope scope(env);
      try {
        task->settle(env);
      } catch (const Napi::Error &error) {
        task->deferred_.Reject(error.Value());
      } catch (const std::exception &error) {
        task->deferred_.Reject(Napi::Error::New(env, error.what()).Value());
      }
      forget(task);
    }
  }

  void forget(Task *task) {
    if (task->previous_ != nullptr) task->previous_->next_ = task->next_;
    if (task->next_ != nullptr) task->next_->previous_ = task->previous_;
    if (live_ == task) live_ = task->next_;
    delete task;
    if (--pending_ == 0) napi_unref_threadsafe_function(env_, wake_);
  }

  // The environment is going away: nothing may call into it after this returns.
  static void on_cleanup(void *data) {
    auto *self = static_cast<Settler *>(data);
    std::unique_lock<std::mutex> lock(self->mutex_);
    self->closing_ = true;
    for (Task *task = self->live_; task != nullptr; task = task->next_) {
      __atomic_store_n(task->abort_, 1, __ATOMIC_RELAXED);
    }
    self->arrived_.wait(lock, [self] { return self->finished_.size() == self->pending_; });
    std::vector<Task *> batch;
    batch.swap(self->finished_);
    lock.unlock();
    for (Task *task : batch) self->forget(task);
    napi_release_threadsafe_function(self->wake_, napi_tsfn_abort);
  }

  Napi::Env env_;
  napi_threadsafe_function wake_ = nullptr;
  Task *live_ = nullptr;
  size_t pending_ =
      0;  // written on the JavaScript thread only; read elsewhere under the cleanup's wait
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Task *> finished_;
  bool scheduled_ = false;
  bool closing_ = false;
};

}  // namespace annulus

#endif
