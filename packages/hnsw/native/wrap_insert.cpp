// An insertion as a promise.
#include <annulus/externals.h>

#include <vector>

#include "insert_job.h"
#include "wrap.h"

namespace annulus::hnsw {

namespace {

class InsertTask : public Task {
 public:
  InsertTask(Napi::Env env, std::shared_ptr<Graph> graph, const annulus_pool &pool,
             std::vector<uint32_t> slots, bool background)
      : Task(env),
        settler_(addon_data(env).settler),
        job_(std::move(graph), pool, std::move(slots), background) {}

  void count_into(Napi::Uint32Array progress) {
    keep(progress);
    progress_ = progress.Data();
  }

  void start() {
    job_.start(
        abort_flag(), progress_,
        [](SlicedJob *, void *self) {
          auto *task = static_cast<InsertTask *>(self);
          task->settler_.finish(task);
        },
        this);
  }

  void settle(Napi::Env env) override {
    if (job_.status() != ANNULUS_OK) throw status_error(env, job_.status(), "insert");
    deferred().Resolve(env.Undefined());
  }

 private:
  Settler &settler_;
  uint32_t *progress_ = nullptr;
  InsertJob job_;
};

}  // namespace

Napi::Promise begin_insert(Napi::Env env, std::shared_ptr<Graph> graph, const annulus_pool &pool,
                           std::vector<uint32_t> slots, const Napi::Value &abort,
                           const Napi::Value &progress, bool background) {
  auto task =
      std::make_unique<InsertTask>(env, std::move(graph), pool, std::move(slots), background);
  task->watch(abort);
  if (!progress.IsUndefined()) task->count_into(progress.As<Napi::Uint32Array>());
  const Napi::Promise promise = task->promise();
  addon_data(env).settler.begin(std::move(task))->start();
  return promise;
}

}  // namespace annulus::hnsw
