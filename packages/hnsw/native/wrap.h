// What the wrap files share: the exports and the operations that settle promises.
#pragma once

#include <annulus/addon.h>
#include <annulus/file_error.h>

#include <memory>
#include <string>

#include "check.h"
#include "graph.h"
#include "snapshot.h"

namespace annulus::hnsw {

void export_graph(Napi::Env env, Napi::Object exports);

/// search(query, k, ef, allowed, skipped, abortFlag) -> Promise<Uint32Array>: slots, then the bits
/// of distances.
Napi::Promise begin_search(Napi::Env env, std::shared_ptr<const Graph> graph,
                           const annulus_pool &pool, const Napi::Float32Array &query, uint32_t k,
                           uint32_t ef, const Napi::Value &allowed, uint32_t skipped,
                           const Napi::Value &abort);

/// Work that is long and rare: each runs on a thread of its own, off the pool.
Napi::Promise begin_save(Napi::Env env, std::shared_ptr<Graph> graph, const std::string &path,
                         const Napi::Value &abort);
Napi::Promise begin_check(Napi::Env env, std::shared_ptr<Graph> graph);
/// Resolves with an external that `take_read` empties.
Napi::Promise begin_read(Napi::Env env, const std::string &path, const Napi::Value &abort);
std::unique_ptr<SavedGraph> take_read(const Napi::Value &external);

}  // namespace annulus::hnsw
