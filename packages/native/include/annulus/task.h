// Promises of native work: what starts on the JavaScript thread, runs on others, and settles
// exactly once.
//
// Lifetime: a Task belongs to its environment's Settler from `begin` (or `start`) until it has
// settled. When the environment goes away first (a worker thread ends, the process exits), every
// live task is asked to stop, waited for, and then destroyed without touching JavaScript. Work must
// therefore always end by calling `finish`, soon after `abort_flag()` becomes non-zero, and must
// not touch its task afterwards. Cleanup hooks run in the reverse order of their registration: what
// was created after the addon was loaded is torn down before its tasks are waited for, and must
// still let them finish.
#ifndef ANNULUS_TASK_H
#define ANNULUS_TASK_H

#include <annulus/abi.h>
#include <annulus/napi_setup.h>

#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace annulus {

/// A promise that can be settled once; later calls change nothing. Never throws: when the
/// environment is ending no JavaScript can run, and nobody is left to see the outcome.
class Settlement {
 public:
  explicit Settlement(napi_env env) : env_(env) {}
  Settlement(const Settlement &) = delete;
  Settlement &operator=(const Settlement &) = delete;
  // Node frees a deferred only when it is settled: one whose promise nobody got is resolved for
  // that.
  ~Settlement() {
    if (deferred_ == nullptr) return;
    napi_value nothing = nullptr;
    napi_get_undefined(env_, &nothing);
    Resolve(nothing);
  }

  /// The promise, created by the first call; valid in the handle scope of that call.
  Napi::Promise Promise() {
    if (promise_ == nullptr && napi_create_promise(env_, &deferred_, &promise_) != napi_ok) {
      deferred_ = nullptr;
      throw Napi::Error::New(env_, "could not create a promise");
    }
    return Napi::Promise(env_, promise_);
  }
  void Resolve(napi_value value) { conclude(&napi_resolve_deferred, value); }
  void Reject(napi_value error) { conclude(&napi_reject_deferred, error); }
  bool settled() const { return settled_; }
  bool promised() const { return promise_ != nullptr; }

 private:
  friend class Settler;
  void conclude(napi_status (*how)(napi_env, napi_deferred, napi_value), napi_value value) {
    if (std::exchange(settled_, true) || deferred_ == nullptr) return;
    (void)how(env_, std::exchange(deferred_, nullptr), value);
  }
  // The environment is ending: the deferred goes with it.
  void abandon() {
    settled_ = true;
    deferred_ = nullptr;
  }

  napi_env env_;
  napi_deferred deferred_ = nullptr;
  napi_value promise_ = nullptr;
  bool settled_ = false;
};

class Settler;

/// Created, begun, settled and destroyed on the JavaScript thread.
class Task {
 public:
  explicit Task(Napi::Env env) : settlement_(env) {}
  virtual ~Task() = default;
  Task(const Task &) = delete;
  Task &operator=(const Task &) = delete;

  /// Resolves or rejects `deferred()`. JavaScript thread, called once each time that the task was
  /// begun. Whatever it throws becomes the rejection; so does settling nothing. Without a promise
  /// it must not throw.
  virtual void settle(Napi::Env env) = 0;

  /// Nobody knows the task any more. Deletes it, unless it is kept to be begun again.
  virtual void dispose() { delete this; }

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

  Settlement &deferred() { return settlement_; }
  Napi::Promise promise() { return settlement_.Promise(); }

 private:
  friend class Settler;
  Settlement settlement_;
  std::vector<Napi::ObjectReference> kept_;
  int32_t own_abort_ = 0;
  int32_t *abort_ = &own_abort_;
  Task *previous_ = nullptr;  // among the live
  Task *next_ = nullptr;
  Task *next_finished_ = nullptr;
};

/// Brings finished tasks back to the JavaScript thread, many per wake-up. One per environment and
/// addon.
class Settler {
 public:
  explicit Settler(Napi::Env env) : env_(env) {
    napi_value name = nullptr;
    if (napi_create_string_utf8(env, "annulus", NAPI_AUTO_LENGTH, &name) != napi_ok ||
        napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this,
                                        &Settler::on_wake, &wake_) != napi_ok) {
      throw Napi::Error::New(env, "could not create a thread-safe function");
    }
    napi_unref_threadsafe_function(env, wake_);
    napi_add_env_cleanup_hook(env, &Settler::on_cleanup, this);
  }
  Settler(const Settler &) = delete;
  Settler &operator=(const Settler &) = delete;

  /// JavaScript thread. The returned task is live until it settles: `finish` must be called exactly
  /// once. When handing the work over may throw, use `start`.
  template <typename T>
  T *begin(std::unique_ptr<T> task) {
    task->promise();
    T *raw = task.release();
    link(raw);
    return raw;
  }

  /// The same for a task without a promise, which tells of its end by itself.
  void begin_untold(Task *task) { link(task); }

  /// Has `drained` called after each batch of tasks that were settled together.
  void after_settling(std::function<void(Napi::Env)> drained) { drained_ = std::move(drained); }

  /// Begins the task and calls `submit(T *)`, which hands the work over. If that throws, nobody may
  /// have got the task: it is dropped and the exception goes on. Returns the promise.
  template <typename T, typename Submit>
  Napi::Promise start(std::unique_ptr<T> task, Submit submit) {
    T *raw = begin(std::move(task));
    const Napi::Promise promise = raw->promise();
    try {
      submit(raw);
    } catch (...) {
      forget(raw);
      throw;
    }
    return promise;
  }

  /// Any thread; never throws or allocates. The task may be gone when this returns. With
  /// `told_from` above 1 it may wait to be told of together with others, until so many have
  /// finished; whoever says so finishes another very soon, or calls `tell`.
  void finish(Task *task, size_t told_from = 1) {
    std::unique_lock<std::mutex> lock(mutex_);
    task->next_finished_ = nullptr;
    (last_finished_ != nullptr ? last_finished_->next_finished_ : first_finished_) = task;
    last_finished_ = task;
    ++finished_;
    if (closing_) return arrived_.notify_all();
    if (finished_ >= told_from) wake(std::move(lock));
  }

  /// Any thread: tells of what has finished.
  void tell() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!closing_ && finished_ > 0) wake(std::move(lock));
  }

  /// JavaScript thread. Operations that have begun and not settled.
  size_t pending() const { return pending_; }

 private:
  void link(Task *task) {
    task->previous_ = nullptr;
    task->next_ = live_;
    if (live_ != nullptr) live_->previous_ = task;
    live_ = task;
    if (pending_++ == 0) napi_ref_threadsafe_function(env_, wake_);
  }

  void wake(std::unique_lock<std::mutex> lock) {
    // Who was told and has not come yet may be waiting for the processor that the caller has, which
    // it would keep until the kernel's next tick: up to 4 ms.
    const bool give_way = scheduled_;
    if (!scheduled_) {
      scheduled_ = napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking) == napi_ok;
    }
    lock.unlock();
    if (give_way) std::this_thread::yield();
  }

  static void on_wake(napi_env env, napi_value, void *context, void *) {
    if (env != nullptr) static_cast<Settler *>(context)->drain(env);
  }

  // Caller holds the mutex.
  Task *take_finished() {
    scheduled_ = false;
    finished_ = 0;
    last_finished_ = nullptr;
    return std::exchange(first_finished_, nullptr);
  }

  void drain(Napi::Env env) {
    Task *task;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      task = take_finished();
    }
    while (task != nullptr) {
      Task *const next = task->next_finished_;
      Napi::HandleScope scope(env);
      settle(env, task);
      forget(task);
      task = next;
    }
    if (drained_) drained_(env);
  }

  static void settle(Napi::Env env, Task *task) {
    try {
      task->settle(env);
      if (task->settlement_.promised() && !task->settlement_.settled())
        throw Napi::Error::New(env, "a task settled nothing");
    } catch (const Napi::Error &error) {
      task->settlement_.Reject(error.Value());
    } catch (const std::exception &error) {
      task->settlement_.Reject(Napi::Error::New(env, error.what()).Value());
    } catch (...) {
      task->settlement_.Reject(Napi::Error::New(env, "unknown native exception").Value());
    }
  }

  void forget(Task *task) {
    if (task->previous_ != nullptr) task->previous_->next_ = task->next_;
    if (task->next_ != nullptr) task->next_->previous_ = task->previous_;
    if (live_ == task) live_ = task->next_;
    task->dispose();
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
    self->arrived_.wait(lock, [self] { return self->finished_ == self->pending_; });
    Task *task = self->take_finished();
    lock.unlock();
    while (task != nullptr) {
      Task *const next = task->next_finished_;
      task->settlement_.abandon();
      self->forget(task);
      task = next;
    }
    napi_release_threadsafe_function(self->wake_, napi_tsfn_abort);
  }

  napi_env env_;
  napi_threadsafe_function wake_ = nullptr;
  Task *live_ = nullptr;  // JavaScript thread only, as is the next
  size_t pending_ = 0;
  std::function<void(Napi::Env)> drained_;
  std::mutex mutex_;  // of all that follows
  std::condition_variable arrived_;
  Task *first_finished_ = nullptr;
  Task *last_finished_ = nullptr;
  size_t finished_ = 0;
  bool scheduled_ = false;
  bool closing_ = false;
};

}  // namespace annulus

#endif
