// A search as a promise.
#include <annulus/externals.h>

#include <cstring>
#include <vector>

#include "search.h"
#include "wrap.h"

namespace annulus::hnsw {

namespace {

class SearchTask : public Task {
 public:
  SearchTask(Napi::Env env, std::shared_ptr<const Graph> graph, const annulus_pool &pool,
             const Napi::Float32Array &query, uint32_t k, uint32_t ef, uint32_t skipped)
      : Task(env),
        graph_(std::move(graph)),
        pool_(pool),
        settler_(addon_data(env).settler),
        query_(query.Data(), query.Data() + query.ElementLength()),
        skipped_(skipped),
        slots_(k),
        distances_(k) {
    request.query = query_.data();
    request.k = k;
    request.ef = ef;
    request.slots = slots_.data();
    request.distances = distances_.data();
  }

  static void run(void *self, uint32_t worker) {
    auto *task = static_cast<SearchTask *>(self);
    task->request.worker = worker;
    search(*task->graph_, task->request, &*task->pool_, task->skipped_);
    task->settler_.finish(task);
  }

  void settle(Napi::Env env) override {
    if (request.status != ANNULUS_OK) throw status_error(env, request.status, "search");
    const size_t found = request.found;
    Napi::Uint32Array result = Napi::Uint32Array::New(env, 2 * found);
    std::memcpy(result.Data(), slots_.data(), found * sizeof(uint32_t));
    std::memcpy(result.Data() + found, distances_.data(), found * sizeof(float));
    deferred().Resolve(result);
  }

  annulus_candidate_request request{};

 private:
  const std::shared_ptr<const Graph> graph_;
  const Held<annulus_pool> pool_;
  Settler &settler_;
  const std::vector<float> query_;
  const uint32_t skipped_;
  std::vector<uint32_t> slots_;
  std::vector<float> distances_;
};

}  // namespace

Napi::Promise begin_search(Napi::Env env, std::shared_ptr<const Graph> graph,
                           const annulus_pool &pool, const Napi::Float32Array &query, uint32_t k,
                           uint32_t ef, const Napi::Value &allowed, uint32_t skipped,
                           const Napi::Value &abort) {
  // More results than nodes cannot come, so `k` needs no room beyond them.
  const uint64_t nodes = graph->linked.load(std::memory_order_acquire);
  const auto room = static_cast<uint32_t>(std::min<uint64_t>(k, nodes));
  auto task = std::make_unique<SearchTask>(env, std::move(graph), pool, query, room,
                                           std::max(ef, k), skipped);
  if (!allowed.IsUndefined()) {
    const auto bitmap = allowed.As<Napi::Uint32Array>();
    task->keep(allowed.As<Napi::Object>());
    task->request.allowed = bitmap.Data();
    task->request.allowed_bits = uint64_t{32} * bitmap.ElementLength();
  }
  task->watch(abort);
  task->request.abort = task->abort_flag();
  const Napi::Promise promise = task->promise();
  SearchTask *started = addon_data(env).settler.begin(std::move(task));
  pool.submit(pool.self, &SearchTask::run, started, 0);
  return promise;
}

}  // namespace annulus::hnsw
