// new FileLock(path): an exclusive lock on a file, until release() or the end of the process.
#include <annulus/arguments.h>
#include <annulus/file_error.h>

#include "lock.h"
#include "wrap.h"

namespace annulus {

namespace {

class LockHandle : public Napi::ObjectWrap<LockHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "FileLock", {InstanceMethod<&LockHandle::release>("release")});
  }

  explicit LockHandle(const Napi::CallbackInfo &info) : Napi::ObjectWrap<LockHandle>(info) {
    if (!info[0].IsString()) throw invalid_argument(info.Env(), "path must be a string");
    const std::string path = info[0].As<Napi::String>().Utf8Value();
    if (path.empty() || path.find('\0') != std::string::npos) {
      throw invalid_argument(info.Env(), "path must be a file name");
    }
    const FileStatus status = lock_.acquire(path);
    if (!status.ok()) throw file_error(info.Env(), status);
  }

 private:
  void release(const Napi::CallbackInfo &) { lock_.release(); }

  FileLock lock_;
};

}  // namespace

void export_lock(Napi::Env env, Napi::Object exports) {
  exports.Set("FileLock", LockHandle::define(env));
}

}  // namespace annulus
