// save and load: promises of file work in the background.
#include <annulus/file_error.h>

#include "snapshot.h"
#include "wrap.h"

namespace annulus {

namespace {

class SaveTask : public Task {
 public:
  SaveTask(Napi::Env env, const CodesHandle &handle)
      : Task(env), settler_(addon_data(env).settler), codes_(handle.codes), pool_(handle.pool) {}

  void start(const std::string &path) {
    save_codes(codes_, pool_, path, abort_flag(), [this](FileStatus status) {
      status_ = std::move(status);
      settler_.finish(this);
    });
  }

  void settle(Napi::Env env) override {
    if (!status_.ok()) throw file_error(env, status_);
    deferred().Resolve(env.Undefined());
  }

 private:
  Settler &settler_;
  CodesRef codes_;
  Held<annulus_pool> pool_;
  FileStatus status_;
};

std::string path_from(const Napi::Value &value) {
  if (!value.IsString()) {
    throw make_error(value.Env(), "ANNULUS_INVALID_ARGUMENT", "path must be a string");
  }
  return value.As<Napi::String>().Utf8Value();
}

// save(codes, path, abortFlag?)
Napi::Value save(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const CodesHandle &handle = open_handle(info[0]);
  const std::string path = path_from(info[1]);
  auto owned = std::make_unique<SaveTask>(env, handle);
  owned->watch(info[2]);
  SaveTask *task = addon_data(env).settler.begin(std::move(owned));
  const Napi::Promise promise = task->promise();
  task->start(path);
  return promise;
}

class LoadTask : public Task {
 public:
  LoadTask(Napi::Env env, std::string path, const Held<annulus_pool> &pool)
      : Task(env), settler_(addon_data(env).settler), path_(std::move(path)), pool_(pool) {}

  void start() {
    pool_->submit(
        pool_->self,
        [](void *self, uint32_t) {
          auto *task = static_cast<LoadTask *>(self);
          task->status_ = load_codes(task->path_, task->abort_flag(), task->codes_);
          task->settler_.finish(task);
        },
        this, 1);
  }

  void settle(Napi::Env env) override {
    if (!status_.ok()) throw file_error(env, status_);
    deferred().Resolve(new_codes_handle(env, codes_, pool_));
  }

 private:
  Settler &settler_;
  std::string path_;
  Held<annulus_pool> pool_;
  CodesRef codes_;
  FileStatus status_;
};

// load(path, pool, abortFlag?)
Napi::Value load(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const std::string path = path_from(info[0]);
  const Held<annulus_pool> pool(*table_from<annulus_pool>(info[1], ANNULUS_KIND_POOL, "the pool"));
  auto owned = std::make_unique<LoadTask>(env, path, pool);
  owned->watch(info[2]);
  LoadTask *task = addon_data(env).settler.begin(std::move(owned));
  const Napi::Promise promise = task->promise();
  task->start();
  return promise;
}

}  // namespace

void export_snapshot(Napi::Env env, Napi::Object exports) {
  exports.Set("save", Napi::Function::New(env, save, "save"));
  exports.Set("load", Napi::Function::New(env, load, "load"));
}

}  // namespace annulus
