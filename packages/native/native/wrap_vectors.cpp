// crc32c, validateVectors (on the calling thread), checksumVectors and distances (on a pool).
#include <annulus/arguments.h>
#include <annulus/crc32c.h>
#include <annulus/externals.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "vectors.h"
#include "wrap.h"

namespace annulus {

namespace {

// Work over many vectors, cut into chunks that the workers of a pool take from one counter.
class ChunkedTask : public Task {
 public:
  ChunkedTask(Napi::Env env, const annulus_pool &pool, const Napi::Float32Array &vectors,
              size_t dimension)
      : Task(env),
        settler_(addon_data(env).settler),
        pool_(pool),
        vectors_(vectors.Data()),
        count_(vectors_in(vectors, dimension)),
        dimension_(dimension) {
    keep(vectors);
    // About 256 KiB a chunk: an abort is seen within tens of microseconds.
    chunk_ = std::max<size_t>(1, (size_t{256} << 10) / (dimension * sizeof(float)));
  }

  static Napi::Promise start(std::unique_ptr<ChunkedTask> owned) {
    Settler &settler = owned->settler_;
    return settler.start(std::move(owned), [](ChunkedTask *task) {
      const size_t chunks = (task->count_ + task->chunk_ - 1) / task->chunk_;
      const auto jobs = static_cast<uint32_t>(
          std::clamp<size_t>(chunks, 1, task->pool_->threads(task->pool_->self)));
      task->jobs_.store(jobs);
      // The task may have settled nowhere else but here, later: its members stay valid in this
      // loop.
      for (uint32_t job = 0; job < jobs; ++job) {
        task->pool_->submit(task->pool_->self, &ChunkedTask::run, task, 0);
      }
    });
  }

  void settle(Napi::Env env) override {
    if (aborted()) throw status_error(env, ANNULUS_ABORTED, "the operation");
    deferred().Resolve(result(env));
  }

 protected:
  virtual void compute(size_t first, size_t count) = 0;
  virtual Napi::Value result(Napi::Env env) = 0;

  const float *vector(size_t index) const { return vectors_ + index * dimension_; }
  size_t count() const { return count_; }
  size_t dimension() const { return dimension_; }

 private:
  static void run(void *ctx, uint32_t) {
    auto *task = static_cast<ChunkedTask *>(ctx);
    while (!task->aborted()) {
      const size_t first = task->next_.fetch_add(task->chunk_, std::memory_order_relaxed);
      if (first >= task->count_) break;
      task->compute(first, std::min(task->chunk_, task->count_ - first));
    }
    if (task->jobs_.fetch_sub(1, std::memory_order_acq_rel) == 1) task->settler_.finish(task);
  }

  Settler &settler_;
  Held<annulus_pool> pool_;
  const float *vectors_;
  size_t count_;
  size_t dimension_;
  size_t chunk_ = 1;
  std::atomic<size_t> next_{0};
  std::atomic<uint32_t> jobs_{0};
};

class DistanceTask : public ChunkedTask {
 public:
  DistanceTask(Napi::Env env, const annulus_pool &pool, const Napi::Float32Array &vectors,
               const Napi::Float32Array &query, uint32_t metric)
      : ChunkedTask(env, pool, vectors, query.ElementLength()),
        query_(query.Data(), query.Data() + query.ElementLength()),
        metric_(metric),
        out_(count()) {}

 private:
  void compute(size_t first, size_t n) override {
    distances(query_.data(), vector(first), n, dimension(), metric_, out_.data() + first);
  }
  Napi::Value result(Napi::Env env) override {
    Napi::Float32Array array = Napi::Float32Array::New(env, out_.size());
    std::copy(out_.begin(), out_.end(), array.Data());
    return array;
  }

  std::vector<float> query_;
  uint32_t metric_;
  std::vector<float> out_;
};

class ChecksumTask : public ChunkedTask {
 public:
  ChecksumTask(Napi::Env env, const annulus_pool &pool, const Napi::Float32Array &vectors,
               size_t dimension, const Napi::Uint32Array &slots)
      : ChunkedTask(env, pool, vectors, dimension), slots_(slots.Data()), out_(count()) {
    keep(slots);
  }

 private:
  void compute(size_t first, size_t n) override {
    checksum_vectors(vector(first), n, dimension(), slots_ + first, out_.data() + first);
  }
  Napi::Value result(Napi::Env env) override {
    Napi::Uint32Array array = Napi::Uint32Array::New(env, out_.size());
    std::copy(out_.begin(), out_.end(), array.Data());
    return array;
  }

  const uint32_t *slots_;
  std::vector<uint32_t> out_;
};

size_t dimension_from(const Napi::Value &value) {
  return static_cast<size_t>(whole_number(value, 1, 1u << 24, "dimension"));
}

Napi::Uint32Array slots_from(const Napi::Value &value, size_t count) {
  const auto slots = typed_array<Napi::Uint32Array>(value, "slots");
  if (slots.ElementLength() != count) {
    throw invalid_argument(value.Env(), "slots does not hold one slot a vector");
  }
  return slots;
}

// distances(pool, query, vectors, metric, abortFlag?)
Napi::Value distances_async(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const auto *pool = table_from<annulus_pool>(info[0], ANNULUS_KIND_POOL, "the pool");
  const auto query = typed_array<Napi::Float32Array>(info[1], "query");
  const auto vectors = typed_array<Napi::Float32Array>(info[2], "vectors");
  const auto metric =
      static_cast<uint32_t>(whole_number(info[3], 0, ANNULUS_METRIC_MANHATTAN, "metric"));
  auto task = std::make_unique<DistanceTask>(env, *pool, vectors, query, metric);
  task->watch(info[4]);
  return ChunkedTask::start(std::move(task));
}

// checksumVectors(pool, vectors, dimension, slots)
Napi::Value checksum_async(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const auto *pool = table_from<annulus_pool>(info[0], ANNULUS_KIND_POOL, "the pool");
  const auto vectors = typed_array<Napi::Float32Array>(info[1], "vectors");
  const size_t dimension = dimension_from(info[2]);
  const auto slots = slots_from(info[3], vectors_in(vectors, dimension));
  return ChunkedTask::start(std::make_unique<ChecksumTask>(env, *pool, vectors, dimension, slots));
}

// checksumVectorsNow(vectors, dimension, slots)
Napi::Value checksum_now(const Napi::CallbackInfo &info) {
  const auto vectors = typed_array<Napi::Float32Array>(info[0], "vectors");
  const size_t dimension = dimension_from(info[1]);
  const size_t count = vectors_in(vectors, dimension);
  const auto slots = slots_from(info[2], count);
  Napi::Uint32Array sums = Napi::Uint32Array::New(info.Env(), count);
  checksum_vectors(vectors.Data(), count, dimension, slots.Data(), sums.Data());
  return sums;
}

// crc32c(bytes, seed)
Napi::Value crc32c_now(const Napi::CallbackInfo &info) {
  const auto bytes = typed_array<Napi::Uint8Array>(info[0], "bytes");
  const auto seed = static_cast<uint32_t>(whole_number(info[1], 0, 0xffffffffu, "seed"));
  return Napi::Number::New(info.Env(), crc32c(seed, bytes.Data(), bytes.ElementLength()));
}

// findFaultyVector(vectors, dimension, allowZero): [kind, index, component] or undefined
Napi::Value find_faulty(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const auto vectors = typed_array<Napi::Float32Array>(info[0], "vectors");
  const size_t dimension = dimension_from(info[1]);
  const size_t count = vectors_in(vectors, dimension);
  const bool allow_zero = info[2].IsBoolean() && info[2].As<Napi::Boolean>();
  const FaultyVector found = find_faulty_vector(vectors.Data(), count, dimension, allow_zero);
  if (found.fault == VectorFault::none) return env.Undefined();
  Napi::Array result = Napi::Array::New(env, 3);
  result.Set(0u, Napi::Number::New(env, static_cast<int>(found.fault)));
  result.Set(1u, Napi::Number::New(env, static_cast<double>(found.index)));
  result.Set(2u, Napi::Number::New(env, static_cast<double>(found.component)));
  return result;
}

}  // namespace

void export_vectors(Napi::Env env, Napi::Object exports) {
  exports.Set("crc32c", Napi::Function::New(env, crc32c_now, "crc32c"));
  exports.Set("distances", Napi::Function::New(env, distances_async, "distances"));
  exports.Set("checksumVectors", Napi::Function::New(env, checksum_async, "checksumVectors"));
  exports.Set("checksumVectorsNow", Napi::Function::New(env, checksum_now, "checksumVectorsNow"));
  exports.Set("findFaultyVector", Napi::Function::New(env, find_faulty, "findFaultyVector"));
}

}  // namespace annulus
