// save and load: promises of file work in the background.
#include <annulus/file_error.h>

#include <system_error>
#include <thread>

#include "arriving_rows.h"
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
  LoadTask(Napi::Env env, std::string path, const Held<annulus_pool> &pool, uint64_t later_from)
      : Task(env),
        settler_(addon_data(env).settler),
        path_(std::move(path)),
        pool_(pool),
        later_from_(later_from) {}

  void start() {
    pool_->submit(
        pool_->self,
        [](void *self, uint32_t) {
          auto *task = static_cast<LoadTask *>(self);
          task->status_ =
              load_codes(task->path_, task->abort_flag(), task->codes_, task->later_from_);
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
  uint64_t later_from_;
  CodesRef codes_;
  FileStatus status_;
};

// load(path, pool, laterFrom, abortFlag?)
Napi::Value load(const Napi::CallbackInfo &info) {
  constexpr uint64_t most = (uint64_t{1} << 53) - 1;
  const Napi::Env env = info.Env();
  const std::string path = path_from(info[0]);
  const Held<annulus_pool> pool(*table_from<annulus_pool>(info[1], ANNULUS_KIND_POOL, "the pool"));
  auto owned =
      std::make_unique<LoadTask>(env, path, pool, whole_number(info[2], "laterFrom", 0, most));
  owned->watch(info[3]);
  LoadTask *task = addon_data(env).settler.begin(std::move(owned));
  const Napi::Promise promise = task->promise();
  task->start();
  return promise;
}

// On a thread of its own: it waits for the disk most of the time, and workers are for searches.
class LoadRowsTask : public Task {
 public:
  LoadRowsTask(Napi::Env env, const CodesHandle &handle)
      : Task(env), settler_(addon_data(env).settler), codes_(handle.codes), pool_(handle.pool) {}
  ~LoadRowsTask() override { join(); }

  void start() {
    try {
      thread_ = std::thread([this] { run(); });
    } catch (const std::system_error &) {
      pool_->submit(
          pool_->self, [](void *self, uint32_t) { static_cast<LoadRowsTask *>(self)->run(); }, this,
          1);
    }
  }

  void settle(Napi::Env env) override {
    join();
    if (!status_.ok()) throw file_error(env, status_);
    deferred().Resolve(env.Undefined());
  }

 private:
  void run() {
    status_ = load_rows(codes_, abort_flag());
    settler_.finish(this);
  }

  void join() {
    if (thread_.joinable()) thread_.join();
  }

  Settler &settler_;
  CodesRef codes_;
  Held<annulus_pool> pool_;
  std::thread thread_;
  FileStatus status_;
};

// loadRows(codes, abortFlag?)
Napi::Value load_rows_of(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  auto owned = std::make_unique<LoadRowsTask>(env, open_handle(info[0]));
  owned->watch(info[1]);
  LoadRowsTask *task = addon_data(env).settler.begin(std::move(owned));
  const Napi::Promise promise = task->promise();
  task->start();
  return promise;
}

// loaded(codes): how many of its codes are in memory; all only once they are checked
Napi::Value loaded(const Napi::CallbackInfo &info) {
  const Codes &codes = *open_handle(info[0]).codes;
  const auto rows = codes.arriving_rows();
  const uint64_t slots = rows ? rows->loaded() : codes.rows().slots();
  return Napi::Number::New(info.Env(), static_cast<double>(slots));
}

}  // namespace

void export_snapshot(Napi::Env env, Napi::Object exports) {
  exports.Set("save", Napi::Function::New(env, save, "save"));
  exports.Set("load", Napi::Function::New(env, load, "load"));
  exports.Set("loadRows", Napi::Function::New(env, load_rows_of, "loadRows"));
  exports.Set("loaded", Napi::Function::New(env, loaded, "loaded"));
}

}  // namespace annulus
