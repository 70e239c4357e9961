// dropPageCache(path): a file's clean pages leave the page cache, so that the next reads go to the
// disk. fileIsResident(pool, path, ahead): whether all of it is there, and if not, at most `ahead`
// bytes of it are read ahead. punchHole(path, from, bytes): gives the space of a part of a file
// back.
#include <annulus/arguments.h>
#include <annulus/externals.h>

#include <cerrno>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "residency.h"
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

// Returns 0, or the errno of what failed. The file keeps its length; the part reads as zeros.
Napi::Value punch_hole(const Napi::CallbackInfo &info) {
  if (!info[0].IsString() || !info[1].IsNumber() || !info[2].IsNumber()) {
    throw Napi::TypeError::New(info.Env(), "punchHole takes a path, an offset and a length");
  }
  int result = 0;
#if defined(__linux__)
  const std::string path = info[0].As<Napi::String>().Utf8Value();
  const auto from = static_cast<off_t>(info[1].As<Napi::Number>().Int64Value());
  const auto bytes = static_cast<off_t>(info[2].As<Napi::Number>().Int64Value());
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    result = errno;
  } else {
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, bytes) != 0) result = errno;
    close(fd);
  }
#else
  result = ENOSYS;
#endif
  return Napi::Number::New(info.Env(), result);
}

constexpr double kAheadMax = 1u << 30;

class ResidencyTask : public Task {
 public:
  ResidencyTask(Napi::Env env, const annulus_pool &pool, std::string path, uint64_t ahead)
      : Task(env),
        settler_(addon_data(env).settler),
        pool_(pool),
        path_(std::move(path)),
        ahead_(ahead) {}

  static Napi::Promise start(std::unique_ptr<ResidencyTask> owned) {
    Settler &settler = owned->settler_;
    return settler.start(std::move(owned), [](ResidencyTask *task) {
      task->pool_->submit(task->pool_->self, &ResidencyTask::run, task, 0);
    });
  }

  void settle(Napi::Env env) override { deferred().Resolve(Napi::Boolean::New(env, resident_)); }

 private:
  static void run(void *ctx, uint32_t) {
    auto *task = static_cast<ResidencyTask *>(ctx);
    try {
      task->resident_ = file_is_resident(task->path_.c_str(), task->ahead_, task->abort_flag());
    } catch (const std::bad_alloc &) {
      task->resident_ = false;  // as where the system cannot tell
    }
    task->settler_.finish(task);
  }

  Settler &settler_;
  Held<annulus_pool> pool_;
  const std::string path_;
  const uint64_t ahead_;
  bool resident_ = false;
};

Napi::Value file_is_resident_async(const Napi::CallbackInfo &info) {
  const auto *pool = table_from<annulus_pool>(info[0], ANNULUS_KIND_POOL, "the pool");
  if (!info[1].IsString()) throw invalid_argument(info.Env(), "path is not a string");
  const double ahead = info[2].IsNumber() ? info[2].As<Napi::Number>().DoubleValue() : -1;
  if (!(ahead >= 0 && ahead <= kAheadMax)) {
    throw invalid_argument(info.Env(), "ahead is no number of bytes");
  }
  return ResidencyTask::start(std::make_unique<ResidencyTask>(
      info.Env(), *pool, info[1].As<Napi::String>().Utf8Value(), static_cast<uint64_t>(ahead)));
}

}  // namespace

void export_page_cache(Napi::Env env, Napi::Object exports) {
  exports.Set("dropPageCache", Napi::Function::New(env, drop_page_cache, "dropPageCache"));
  exports.Set("punchHole", Napi::Function::New(env, punch_hole, "punchHole"));
  exports.Set("fileIsResident", Napi::Function::New(env, file_is_resident_async, "fileIsResident"));
}

}  // namespace annulus
