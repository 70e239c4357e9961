// A piece of a job over the pool as a promise: with an abort flag, counters of its progress and a
// bound of the CPU time it may take.
#pragma once

#include <memory>
#include <utility>

#include "insert_job.h"
#include "repair_job.h"
#include "wrap.h"

namespace annulus::hnsw {

/// What the pieces of a job have in common.
struct Piece {
  Napi::Value abort;
  Napi::Value progress;
  /// Milliseconds of CPU time; 0: until the end.
  Napi::Value cpu_ms;
};

/// What is left of a job when a piece has ended: one of the two.
struct Left {
  std::shared_ptr<InsertJob> insert;
  std::shared_ptr<RepairJob> repair;
};
Napi::Value left_external(Napi::Env env, Left left);
/// Promises of {cpuMs, left}, without `left` after the last piece; then of a repair's {freed,
/// relinked}, too.
Napi::Promise begin_piece(Napi::Env env, std::shared_ptr<InsertJob> job, const Piece &piece);
Napi::Promise begin_piece(Napi::Env env, std::shared_ptr<RepairJob> job, const Piece &piece);
/// Goes on with what a piece has left, once.
Napi::Promise proceed(const Napi::Value &left, const Piece &piece);

/// `Job` is a SlicedJob. A derived class tells what came of it in `conclude`.
template <typename Job>
class JobTask : public Task {
 public:
  JobTask(Napi::Env env, std::shared_ptr<Job> job, const char *operation)
      : Task(env), settler_(addon_data(env).settler), job_(std::move(job)), operation_(operation) {}

  void start(const Piece &piece) {
    job_->start(
        abort_flag(), progress_, allowance_of(piece),
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

  void settle(Napi::Env env) override {
    if (job_->status() != ANNULUS_OK) throw status_error(env, job_->status(), operation_);
    Napi::Object out = Napi::Object::New(env);
    out.Set("cpuMs", Napi::Number::New(env, static_cast<double>(job_->spent_ns()) / 1e6));
    if (job_->left()) {
      out.Set("left", left_external(env, rest()));
    } else {
      conclude(env, out);
    }
    deferred().Resolve(out);
  }

 protected:
  virtual void conclude(Napi::Env env, Napi::Object out) = 0;
  virtual Left rest() = 0;
  const std::shared_ptr<Job> &job() { return job_; }

 private:
  static uint64_t allowance_of(const Piece &piece) {
    const double ms = piece.cpu_ms.IsNumber() ? piece.cpu_ms.As<Napi::Number>().DoubleValue() : 0;
    return ms > 0 && ms < 1e9 ? static_cast<uint64_t>(ms * 1e6) + 1 : 0;
  }

  Settler &settler_;
  uint32_t *progress_ = nullptr;
  const std::shared_ptr<Job> job_;
  const char *const operation_;
};

/// Starts a piece; `progress` and `abort` may be undefined.
template <typename Started>
Napi::Promise begin_job(Napi::Env env, std::unique_ptr<Started> task, const Piece &piece) {
  task->watch(piece.abort);
  task->count_into(piece.progress);
  const Napi::Promise promise = task->promise();
  addon_data(env).settler.begin(std::move(task))->start(piece);
  return promise;
}

}  // namespace annulus::hnsw
