// A piece of an insertion as a promise.
#include "wrap_job.h"

namespace annulus::hnsw {

namespace {

class InsertTask : public JobTask<InsertJob> {
 public:
  InsertTask(Napi::Env env, std::shared_ptr<InsertJob> job)
      : JobTask(env, std::move(job), "insert") {}

 private:
  void conclude(Napi::Env, Napi::Object) override {}
  Left rest() override { return {job(), nullptr}; }
};

}  // namespace

Napi::Promise begin_piece(Napi::Env env, std::shared_ptr<InsertJob> job, const Piece &piece) {
  return begin_job(env, std::make_unique<InsertTask>(env, std::move(job)), piece);
}

}  // namespace annulus::hnsw
