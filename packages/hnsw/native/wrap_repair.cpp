// A piece of a repair as a promise.
#include <algorithm>

#include "wrap_job.h"

namespace annulus::hnsw {

namespace {

class RepairTask : public JobTask<RepairJob> {
 public:
  RepairTask(Napi::Env env, std::shared_ptr<RepairJob> job)
      : JobTask(env, std::move(job), "repair") {}

 private:
  void conclude(Napi::Env env, Napi::Object out) override {
    const std::vector<uint32_t> slots = job()->take_freed();
    Napi::Uint32Array freed = Napi::Uint32Array::New(env, slots.size());
    std::copy(slots.begin(), slots.end(), freed.Data());
    out.Set("freed", freed);
    out.Set("relinked", Napi::Number::New(env, static_cast<double>(job()->relinked())));
  }
  Left rest() override { return {nullptr, job()}; }
};

}  // namespace

Napi::Promise begin_piece(Napi::Env env, std::shared_ptr<RepairJob> job, const Piece &piece) {
  return begin_job(env, std::make_unique<RepairTask>(env, std::move(job)), piece);
}

}  // namespace annulus::hnsw
