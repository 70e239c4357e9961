// train(kind, sample, dimension, metric, settings, pool, progress, abortFlag?): a promise of
// codes.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "binary_codes.h"
#include "calibrating.h"
#include "kernels/int_kernels.h"
#include "product_codebook.h"
#include "rotated_codes.h"
#include "training.h"
#include "wrap.h"

namespace annulus {

namespace {

// Centroids lie nearer to the vectors they were found from than to others: those kinds are
// calibrated on vectors that training does not see, the last of each eight.
constexpr size_t held_out = 8;
constexpr size_t held_out_from = 1'600;

class TrainTask : public Task {
 public:
  TrainTask(Napi::Env env, Settler &settler, const Held<annulus_pool> &pool,
            const TrainingInput &input, std::unique_ptr<Training> training)
      : Task(env), settler_(settler), pool_(pool), input_(input), training_(std::move(training)) {}

  /// @param rest room for the vectors that training sees, or null when it sees all.
  void start(std::unique_ptr<float[]> rest) {
    rest_ = std::move(rest);
    if (!rest_) return learn();
    pool_->submit(
        pool_->self,
        [](void *self, uint32_t) {
          auto *task = static_cast<TrainTask *>(self);
          if (task->copy_rest()) return task->learn();
          task->settler_.finish(task);
        },
        this, 1);
  }

  void settle(Napi::Env env) override {
    if (result_.status == ANNULUS_OK) {
      return deferred().Resolve(new_codes_handle(env, result_.codes, pool_));
    }
    if (result_.status == ANNULUS_OUT_OF_RANGE) {
      Napi::Object details = Napi::Object::New(env);
      details.Set("vector", Napi::Number::New(env, static_cast<double>(result_.bad_vector)));
      throw make_error(env, "ANNULUS_INVALID_VECTOR",
                       "vector " + std::to_string(result_.bad_vector) +
                           " of the sample holds a value that is not finite",
                       details);
    }
    throw status_error(env, result_.status, "training");
  }

 private:
  // False when a vector is not finite: training would not look at those held out.
  bool copy_rest() {
    const size_t row = input_.dimension;
    float *to = rest_.get();
    for (size_t v = 0; v < input_.n; ++v) {
      const float *vector = input_.sample + v * row;
      if (!std::all_of(vector, vector + row, [](float value) { return std::isfinite(value); })) {
        result_.status = ANNULUS_OUT_OF_RANGE;
        result_.bad_vector = v;
        return false;
      }
      if (v % held_out == held_out - 1) continue;
      to = std::copy_n(vector, row, to);
    }
    return true;
  }

  void learn() {
    training_->start(pool_, abort_flag(), [this](TrainingResult result) {
      result_ = std::move(result);
      if (result_.status != ANNULUS_OK) return settler_.finish(this);
      TrainingInput held = input_;
      if (rest_) {
        held.sample += (held_out - 1) * held.dimension;
        held.n /= held_out;
      } else if (result_.codes->kind() == CodeKind::product) {
        held.n = 0;
      }
      calibrate(result_.codes, held, rest_ ? held_out : 1, pool_, abort_flag(), [this](RunEnd end) {
        if (end == RunEnd::aborted) result_.status = ANNULUS_ABORTED;
        if (end == RunEnd::out_of_memory) result_.status = ANNULUS_OUT_OF_MEMORY;
        settler_.finish(this);
      });
    });
  }

  Settler &settler_;
  Held<annulus_pool> pool_;
  TrainingInput input_;
  std::unique_ptr<float[]> rest_;
  std::unique_ptr<Training> training_;
  TrainingResult result_;
};

// A named number of the quantizer's settings; NaN when it was left out.
double setting(const Napi::Object &settings, const char *name) {
  const Napi::Value value = settings.Get(name);
  return value.IsNumber() ? value.As<Napi::Number>().DoubleValue()
                          : std::numeric_limits<double>::quiet_NaN();
}

std::unique_ptr<Training> new_training(CodeKind kind, const TrainingInput &input,
                                       const Napi::Object &settings) {
  switch (kind) {
    case CodeKind::none:
      return new_flat_training(input);
    case CodeKind::scalar:
      return new_scalar_training(input, setting(settings, "quantile"));
    case CodeKind::product: {
      const auto compression =
          static_cast<uint32_t>(whole_number(settings.Get("compression"), "compression", 4, 64));
      const uint64_t seed = whole_number(settings.Get("seed"), "seed", 0, (1ULL << 53) - 1);
      if (compression_known(compression)) return new_product_training(input, compression, seed);
      throw make_error(settings.Env(), "ANNULUS_INVALID_ARGUMENT", "no such compression");
    }
    case CodeKind::binary:
      if (BinaryCodes::supports(input.metric)) return new_binary_training(input);
      throw make_error(settings.Env(), "ANNULUS_UNSUPPORTED",
                       "binary codes know no manhattan distances; scalar, product and none do");
    case CodeKind::rotated:
      if (!RotatedCodes::supports(input.metric)) {
        throw make_error(settings.Env(), "ANNULUS_UNSUPPORTED",
                         "rotated codes know no manhattan distances; scalar, product and none do");
      }
      return new_rotated_training(
          input, static_cast<uint32_t>(whole_number(settings.Get("bits"), "bits", 1, 8)),
          whole_number(settings.Get("seed"), "seed", 0, uint64_t{1} << 53));
    default:
      throw make_error(settings.Env(), "ANNULUS_UNSUPPORTED", "no such kind of code");
  }
}

Napi::Value train(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const auto kind = static_cast<CodeKind>(
      whole_number(info[0], "kind", 0, static_cast<uint64_t>(CodeKind::rotated)));
  const Napi::Float32Array sample = float_array(info[1], "sample");
  TrainingInput input;
  input.dimension = static_cast<uint32_t>(whole_number(info[2], "dimension", 1, max_int_length));
  input.metric = static_cast<uint32_t>(whole_number(info[3], "metric", 0, 3));
  input.sample = sample.Data();
  input.n = sample.ElementLength() / input.dimension;
  if (sample.ElementLength() % input.dimension != 0 || (input.n == 0 && kind != CodeKind::none)) {
    throw make_error(env, "ANNULUS_DIMENSION",
                     "the sample must hold at least one whole vector of the given dimension");
  }
  const Held<annulus_pool> pool(*table_from<annulus_pool>(info[5], ANNULUS_KIND_POOL, "the pool"));
  if (!info[6].IsTypedArray() ||
      info[6].As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array ||
      info[6].As<Napi::TypedArray>().ElementLength() != 2) {
    throw Napi::TypeError::New(env, "progress must be a Uint32Array of two");
  }
  input.progress = info[6].As<Napi::Uint32Array>().Data();

  if (!info[4].IsObject()) throw Napi::TypeError::New(env, "settings must be an object");
  AddonData &data = addon_data(env);
  TrainingInput learned = input;
  std::unique_ptr<float[]> rest;
  if (kind == CodeKind::product && input.n >= held_out_from) {
    learned.n -= input.n / held_out;
    rest.reset(new float[learned.n * input.dimension]);
    learned.sample = rest.get();
  }
  auto task = std::make_unique<TrainTask>(env, data.settler, pool, input,
                                          new_training(kind, learned, info[4].As<Napi::Object>()));
  task->keep(sample);
  task->keep(info[6].As<Napi::Object>());
  task->watch(info[7]);
  const Napi::Promise promise = task->promise();
  data.settler.begin(std::move(task))->start(std::move(rest));
  return promise;
}

}  // namespace

void export_training(Napi::Env env, Napi::Object exports) {
  exports.Set("train", Napi::Function::New(env, train, "train"));
}

}  // namespace annulus
