// The promises of the engine: requests, which the ring thread ends, and steps that block, on
// threads of their own.
#pragma once

#include <annulus/addon.h>

#include <string>
#include <vector>

#include "engine.h"

namespace annulus::uring {

/// A reference to an engine for as long as a task may touch it.
class HeldEngine {
 public:
  explicit HeldEngine(Engine *engine) : engine_(engine) { engine_->retain(); }
  ~HeldEngine() { engine_->release(); }
  HeldEngine(const HeldEngine &) = delete;
  HeldEngine &operator=(const HeldEngine &) = delete;
  Engine *operator->() const { return engine_; }

 private:
  Engine *const engine_;
};

/// `read` or `score`. Copies slots and query; the output is kept and filled in place.
class RequestTask final : public Task {
 public:
  RequestTask(Napi::Env env, Settler &settler, Napi::Uint32Array slots, Napi::Float32Array out)
      : Task(env), settler_(settler), slots_(slots.Data(), slots.Data() + slots.ElementLength()) {
    keep(out);
    request.slots = slots_.data();
    request.n = slots_.size();
    request.out = out.Data();
    request.ctx = this;
    request.done = [](Request *done) {
      auto *task = static_cast<RequestTask *>(done->ctx);
      task->settler_.finish(task);
    };
  }

  void set_query(Napi::Float32Array query, uint32_t metric) {
    query_.assign(query.Data(), query.Data() + query.ElementLength());
    request.query = query_.data();
    request.metric = metric;
  }

  void settle(Napi::Env env) override {
    if (request.status != ANNULUS_OK) {
      throw status_error(env, request.status, request.query == nullptr ? "read" : "score",
                         request.detail, request.slot);
    }
    deferred().Resolve(env.Undefined());
  }

  Request request;

 private:
  Settler &settler_;
  const std::vector<uint32_t> slots_;
  std::vector<float> query_;
};

/// A step that blocks for a moment: runs on a thread of its own, so that the event loop does not.
class BlockingTask : public Task {
 public:
  BlockingTask(Napi::Env env, Engine *engine) : Task(env), engine(engine) {}

  /// Any thread; must not throw.
  virtual void work() = 0;

  /// JavaScript thread.
  static Napi::Promise run(Settler &settler, std::unique_ptr<BlockingTask> task);

 protected:
  const HeldEngine engine;
};

class StartTask final : public BlockingTask {
 public:
  using BlockingTask::BlockingTask;
  void work() override;
  void settle(Napi::Env env) override;

 private:
  StartResult result_;
  std::string failure_;
};

class AddSegmentTask final : public BlockingTask {
 public:
  AddSegmentTask(Napi::Env env, Engine *engine, uint32_t number, std::string path,
                 const uint32_t *checksums)
      : BlockingTask(env, engine), number_(number), path_(std::move(path)), checksums_(checksums) {}
  void work() override;
  void settle(Napi::Env env) override;

 private:
  const uint32_t number_;
  const std::string path_;
  const uint32_t *const checksums_;
  int error_ = 0;
};

class CloseTask final : public BlockingTask {
 public:
  /// `closed` is called on the JavaScript thread once the ring thread has ended.
  CloseTask(Napi::Env env, Engine *engine, void (*closed)(void *ctx), void *ctx)
      : BlockingTask(env, engine), closed_(closed), ctx_(ctx) {}
  void work() override { engine->close(); }
  void settle(Napi::Env env) override {
    closed_(ctx_);
    deferred().Resolve(env.Undefined());
  }

 private:
  void (*const closed_)(void *ctx);
  void *const ctx_;
};

}  // namespace annulus::uring
