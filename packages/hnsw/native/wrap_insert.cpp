// An insertion as a promise.
#include <annulus/externals.h>

#include <vector>

#include "insert_job.h"
#include "wrap_job.h"

namespace annulus::hnsw {

namespace {

class InsertTask : public JobTask<InsertJob> {
 public:
  using JobTask::JobTask;

  void settle(Napi::Env env) override {
    check(env, "insert");
    deferred().Resolve(env.Undefined());
  }
};

}  // namespace

Napi::Promise begin_insert(Napi::Env env, std::shared_ptr<Graph> graph, const annulus_pool &pool,
                           std::vector<uint32_t> slots, const Napi::Value &abort,
                           const Napi::Value &progress, bool background) {
  auto task =
      std::make_unique<InsertTask>(env, std::move(graph), pool, std::move(slots), background);
  return begin_job(env, std::move(task), abort, progress);
}

}  // namespace annulus::hnsw
