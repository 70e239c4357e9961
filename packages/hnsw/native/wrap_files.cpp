// Saving, reading and checking: promises of work on a thread of its own.
#include <annulus/externals.h>

#include <system_error>
#include <thread>

#include "check.h"
#include "snapshot.h"
#include "wrap.h"

namespace annulus::hnsw {

namespace {

class ThreadTask : public Task {
 public:
  explicit ThreadTask(Napi::Env env) : Task(env), settler_(addon_data(env).settler) {}

  /// On the thread; must not throw.
  virtual void work() = 0;
  virtual void resolve(Napi::Env env) = 0;

  void settle(Napi::Env env) override {
    if (!started_) {
      throw make_error(env, "ANNULUS_OUT_OF_MEMORY", "the system starts no further thread");
    }
    resolve(env);
  }

  static Napi::Promise start(Napi::Env env, std::unique_ptr<ThreadTask> task) {
    const Napi::Promise promise = task->promise();
    ThreadTask *begun = addon_data(env).settler.begin(std::move(task));
    try {
      // Detached: the settler waits for the task, and the thread touches nothing after `finish`.
      std::thread([begun] {
        begun->work();
        begun->settler_.finish(begun);
      }).detach();
    } catch (const std::system_error &) {
      begun->started_ = false;
      begun->settler_.finish(begun);
    }
    return promise;
  }

 private:
  Settler &settler_;
  bool started_ = true;
};

class SaveTask : public ThreadTask {
 public:
  SaveTask(Napi::Env env, std::shared_ptr<Graph> graph, std::string path)
      : ThreadTask(env), graph_(std::move(graph)), path_(std::move(path)) {}
  void work() override { status_ = save(*graph_, path_, abort_flag()); }
  void resolve(Napi::Env env) override {
    if (!status_.ok()) throw file_error(env, status_);
    deferred().Resolve(env.Undefined());
  }

 private:
  const std::shared_ptr<Graph> graph_;
  const std::string path_;
  FileStatus status_;
};

// A graph on its way through JavaScript to its handle.
struct Read {
  std::unique_ptr<SavedGraph> graph;
};
constexpr uint32_t kReadKind = 0x686e7377;  // "hnsw": a tag of this addon's own

class ReadTask : public ThreadTask {
 public:
  ReadTask(Napi::Env env, std::string path) : ThreadTask(env), path_(std::move(path)) {}
  void work() override { status_ = read_graph(path_, abort_flag(), graph_); }
  void resolve(Napi::Env env) override {
    if (!status_.ok()) throw file_error(env, status_);
    auto *read = new Read{std::move(graph_)};
    napi_value external;
    const auto drop = [](napi_env, void *data, void *) { delete static_cast<Read *>(data); };
    if (napi_create_external(env, read, drop, nullptr, &external) != napi_ok) {
      delete read;
      throw Napi::Error::New(env, "could not create an external");
    }
    const napi_type_tag tag = tag_of(kReadKind);
    napi_type_tag_object(env, external, &tag);
    deferred().Resolve(external);
  }

 private:
  const std::string path_;
  std::unique_ptr<SavedGraph> graph_;
  FileStatus status_;
};

class CheckTask : public ThreadTask {
 public:
  CheckTask(Napi::Env env, std::shared_ptr<Graph> graph)
      : ThreadTask(env), graph_(std::move(graph)) {}
  void work() override {
    try {
      const Gate::Shut shut(graph_->gate);
      report_ = check(*graph_);
    } catch (const std::bad_alloc &) {
      status_ = ANNULUS_OUT_OF_MEMORY;
    }
  }
  void resolve(Napi::Env env) override {
    if (status_ != ANNULUS_OK) throw status_error(env, status_, "check");
    Napi::Object out = Napi::Object::New(env);
    const auto set = [&](const char *name, uint64_t value) {
      out.Set(name, Napi::Number::New(env, static_cast<double>(value)));
    };
    set("nodes", report_.nodes);
    set("links", report_.links);
    set("violations", report_.violations());
    set("selfLinks", report_.self_links);
    set("duplicateLinks", report_.duplicate_links);
    set("danglingLinks", report_.dangling_links);
    set("unpairedTreeLinks", report_.unpaired_tree_links);
    set("linksBehindEnd", report_.links_behind_end);
    set("wrongLevels", report_.wrong_levels);
    set("wrongCounters", report_.wrong_counters);
    set("badEntry", report_.bad_entry);
    set("unreachable", report_.unreachable);
    deferred().Resolve(out);
  }

 private:
  const std::shared_ptr<Graph> graph_;
  CheckReport report_;
  int32_t status_ = ANNULUS_OK;
};

}  // namespace

Napi::Promise begin_save(Napi::Env env, std::shared_ptr<Graph> graph, const std::string &path,
                         const Napi::Value &abort) {
  auto task = std::make_unique<SaveTask>(env, std::move(graph), path);
  task->watch(abort);
  return ThreadTask::start(env, std::move(task));
}

Napi::Promise begin_read(Napi::Env env, const std::string &path, const Napi::Value &abort) {
  auto task = std::make_unique<ReadTask>(env, path);
  task->watch(abort);
  return ThreadTask::start(env, std::move(task));
}

std::unique_ptr<SavedGraph> take_read(const Napi::Value &external) {
  const Napi::Env env = external.Env();
  const napi_type_tag tag = tag_of(kReadKind);
  bool tagged = false;
  napi_check_object_type_tag(env, external, &tag, &tagged);
  void *data = nullptr;
  if (!tagged || napi_get_value_external(env, external, &data) != napi_ok ||
      static_cast<Read *>(data)->graph == nullptr) {
    throw Napi::TypeError::New(env, "this is not a graph that was just read");
  }
  return std::move(static_cast<Read *>(data)->graph);
}

Napi::Promise begin_check(Napi::Env env, std::shared_ptr<Graph> graph) {
  return ThreadTask::start(env, std::make_unique<CheckTask>(env, std::move(graph)));
}

}  // namespace annulus::hnsw
