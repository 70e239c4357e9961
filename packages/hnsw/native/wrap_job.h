// A job over the pool as a promise: with an abort flag and counters of its progress.
#pragma once

#include <memory>
#include <utility>

#include "sliced_job.h"
#include "wrap.h"

namespace annulus::hnsw {

/// `Job` is a SlicedJob. A derived class resolves in `settle`, after `check`.
template <typename Job>
class JobTask : public Task {
 public:
  template <typename... Arguments>
  explicit JobTask(Napi::Env env, Arguments &&...arguments)
      : Task(env), settler_(addon_data(env).settler), job_(std::forward<Arguments>(arguments)...) {}

  void start() {
    job_.start(
        abort_flag(), progress_,
        [](SlicedJob *, void *self) {
          auto *task = static_cast<JobTask *>(self);
          task->settler_.finish(task);
        },
        this);
  }

  void count_into(const Napi::Value &progress) {
    if (progress.IsUndefined()) return;
    keep(progress.As<Napi::Object>());
    progress_ = progress.As<Napi::Uint32Array>().Data();
  }

 protected:
  /// Throws when the job failed. `operation` is for the message.
  void check(Napi::Env env, const char *operation) const {
    if (job_.status() != ANNULUS_OK) throw status_error(env, job_.status(), operation);
  }
  Job &job() { return job_; }

 private:
  Settler &settler_;
  uint32_t *progress_ = nullptr;
  Job job_;
};

/// Starts a task; `progress` and `abort` may be undefined.
template <typename Started>
Napi::Promise begin_job(Napi::Env env, std::unique_ptr<Started> task, const Napi::Value &abort,
                        const Napi::Value &progress) {
  task->watch(abort);
  task->count_into(progress);
  const Napi::Promise promise = task->promise();
  addon_data(env).settler.begin(std::move(task))->start();
  return promise;
}

}  // namespace annulus::hnsw
