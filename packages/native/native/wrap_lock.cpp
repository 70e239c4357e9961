// lockFile(fd): an exclusive lock on an open file, which ends with the descriptor or the process.
#include <annulus/addon.h>

#ifndef _WIN32
#include <sys/file.h>
#endif
#include <cerrno>

#include "wrap.h"

namespace annulus {

namespace {

// The errno, 0 when the lock is taken. flock belongs to the open file description, so a second open
// in this process is refused like any other; it never waits here.
int lock_exclusively(int descriptor) {
#ifdef _WIN32
  (void)descriptor;
  return ENOSYS;
#else
  while (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
#endif
}

Napi::Value lock_file(const Napi::CallbackInfo &info) {
  if (!info[0].IsNumber()) throw Napi::TypeError::New(info.Env(), "fd must be a number");
  return Napi::Number::New(info.Env(), lock_exclusively(info[0].ToNumber().Int32Value()));
}

}  // namespace

void export_lock(Napi::Env env, Napi::Object exports) {
  exports.Set("lockFile", Napi::Function::New(env, lock_file, "lockFile"));
}

}  // namespace annulus
