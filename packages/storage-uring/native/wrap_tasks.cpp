#if !defined(_WIN32)

#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <system_error>
#include <thread>

#include "signals.h"
#include "wrap_tasks.h"

namespace annulus::uring {

Napi::Promise BlockingTask::run(Settler &settler, std::unique_ptr<BlockingTask> owned) {
  BlockingTask *task = settler.begin(std::move(owned));
  const Napi::Promise promise = task->promise();
  const auto body = [task, &settler] {
    task->work();
    settler.finish(task);
  };
  try {
    std::thread([body] {
      block_signals();
      body();
    }).detach();
  } catch (const std::system_error &) {
    body();  // no more threads: better a short stall than a failure
  }
  return promise;
}

void StartTask::work() {
  try {
    result_ = engine->start();
  } catch (const std::exception &error) {
    failure_ = error.what();
  }
}

void StartTask::settle(Napi::Env env) {
  if (!failure_.empty()) {
    throw make_error(env, "ANNULUS_OUT_OF_MEMORY",
                     "neither a ring nor threads for reading could be set up: " + failure_);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("ring", result_.ring);
  result.Set("stage", static_cast<uint32_t>(result_.stage));
  result.Set("errno", result_.error);
  result.Set("setupFlags", result_.setup_flags);
  result.Set("registeredBuffers", result_.registered_buffers);
  result.Set("registeredFiles", result_.registered_files);
  deferred().Resolve(result);
}

void AddSegmentTask::work() {
  try {
    error_ = engine->segments().add(number_, path_, checksums_);
  } catch (const std::bad_alloc &) {
    error_ = ENOMEM;
  }
}

void AddSegmentTask::settle(Napi::Env env) {
  if (error_ == 0) return deferred().Resolve(env.Undefined());
  Napi::Object details = Napi::Object::New(env);
  details.Set("path", path_);
  details.Set("errno", error_);
  switch (error_) {
    case EINVAL:
      throw make_error(env, "ANNULUS_UNSUPPORTED",
                       "the file system of " + path_ +
                           " does not support direct reads; open with direct: false or 'auto'",
                       details);
    case E2BIG:
      throw make_error(env, "ANNULUS_LIMIT",
                       "a storage has at most " + std::to_string(SegmentTable::kSegmentsMax) +
                           " segments; use larger ones",
                       details);
    case EMFILE:
    case ENFILE:
      throw make_error(env, "ANNULUS_LIMIT",
                       "too many open files for " + path_ +
                           "; raise the limit (ulimit -n) or use larger segments",
                       details);
    case EACCES:
    case EPERM:
      throw make_error(env, "ANNULUS_PERMISSION", "no permission to read " + path_, details);
    default:
      throw make_error(env, "ANNULUS_IO", "could not open " + path_ + ": " + std::strerror(error_),
                       details);
  }
}

}  // namespace annulus::uring

#endif
