// A repair as a promise.
#include <annulus/externals.h>

#include <algorithm>

#include "repair_job.h"
#include "wrap.h"

namespace annulus::hnsw {

namespace {

class RepairTask : public Task {
 public:
  RepairTask(Napi::Env env, std::shared_ptr<Graph> graph, const annulus_pool &pool)
      : Task(env), settler_(addon_data(env).settler), job_(std::move(graph), pool) {}

  void count_into(Napi::Uint32Array progress) {
    keep(progress);
    progress_ = progress.Data();
  }

  void start() {
    job_.start(
        abort_flag(), progress_,
        [](SlicedJob *, void *self) {
          auto *task = static_cast<RepairTask *>(self);
          task->settler_.finish(task);
        },
        this);
  }

  void settle(Napi::Env env) override {
    if (job_.status() != ANNULUS_OK) throw status_error(env, job_.status(), "repair");
    const std::vector<uint32_t> slots = job_.take_freed();
    Napi::Uint32Array freed = Napi::Uint32Array::New(env, slots.size());
    std::copy(slots.begin(), slots.end(), freed.Data());
    Napi::Object out = Napi::Object::New(env);
    out.Set("freed", freed);
    out.Set("relinked", Napi::Number::New(env, static_cast<double>(job_.relinked())));
    deferred().Resolve(out);
  }

 private:
  Settler &settler_;
  uint32_t *progress_ = nullptr;
  RepairJob job_;
};

}  // namespace

Napi::Promise begin_repair(Napi::Env env, std::shared_ptr<Graph> graph, const annulus_pool &pool,
                           const Napi::Value &abort, const Napi::Value &progress) {
  auto task = std::make_unique<RepairTask>(env, std::move(graph), pool);
  task->watch(abort);
  if (!progress.IsUndefined()) task->count_into(progress.As<Napi::Uint32Array>());
  const Napi::Promise promise = task->promise();
  addon_data(env).settler.begin(std::move(task))->start();
  return promise;
}

}  // namespace annulus::hnsw
