// A repair as a promise.
#include <annulus/externals.h>

#include <algorithm>

#include "repair_job.h"
#include "wrap_job.h"

namespace annulus::hnsw {

namespace {

class RepairTask : public JobTask<RepairJob> {
 public:
  using JobTask::JobTask;

  void settle(Napi::Env env) override {
    check(env, "repair");
    const std::vector<uint32_t> slots = job().take_freed();
    Napi::Uint32Array freed = Napi::Uint32Array::New(env, slots.size());
    std::copy(slots.begin(), slots.end(), freed.Data());
    Napi::Object out = Napi::Object::New(env);
    out.Set("freed", freed);
    out.Set("relinked", Napi::Number::New(env, static_cast<double>(job().relinked())));
    deferred().Resolve(out);
  }
};

}  // namespace

Napi::Promise begin_repair(Napi::Env env, std::shared_ptr<Graph> graph, const annulus_pool &pool,
                           const Napi::Value &abort, const Napi::Value &progress) {
  auto task = std::make_unique<RepairTask>(env, std::move(graph), pool);
  return begin_job(env, std::move(task), abort, progress);
}

}  // namespace annulus::hnsw
