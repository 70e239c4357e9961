// dropPageCache(path): a file's clean pages leave the page cache, so that the next reads go to the
// disk.
#include <cerrno>
#include <string>

#include "wrap.h"

#ifdef __linux__
#include <fcntl.h>
#include <unistd.h>
#endif

namespace annulus {

namespace {

// Returns 0, or the errno of what failed. Pages that some process has mapped stay.
Napi::Value drop_page_cache(const Napi::CallbackInfo &info) {
  if (!info[0].IsString()) throw Napi::TypeError::New(info.Env(), "dropPageCache takes a path");
  int result = 0;
#if defined(__linux__)
  const std::string path = info[0].As<Napi::String>().Utf8Value();
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    result = errno;
  } else {
    result = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
  }
#else
  result = ENOSYS;
#endif
  return Napi::Number::New(info.Env(), result);
}

}  // namespace

void export_page_cache(Napi::Env env, Napi::Object exports) {
  exports.Set("dropPageCache", Napi::Function::New(env, drop_page_cache, "dropPageCache"));
}

}  // namespace annulus
