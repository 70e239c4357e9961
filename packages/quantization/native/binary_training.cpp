// Finds the mean of the sample, against which binary codes take their bits.
#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <new>

#include "binary_codes.h"
#include "norm.h"
#include "training.h"

namespace annulus {

namespace {

// Sums are kept for each part and added in the order of the parts, whatever thread made them: so
// their number does not depend on the pool.
constexpr size_t parts_max = 64;
constexpr size_t part_vectors_min = 256;
constexpr size_t none_bad = std::numeric_limits<size_t>::max();

class BinaryTraining final : public Training {
 public:
  explicit BinaryTraining(const TrainingInput &input)
      : input_(input),
        part_vectors_(std::max(part_vectors_min, (input.n + parts_max - 1) / parts_max)),
        parts_((input.n + part_vectors_ - 1) / part_vectors_),
        progress_(input.progress, static_cast<uint32_t>(parts_ + 1)) {}

  void start(const Held<annulus_pool> &pool, const int32_t *abort, Done done) override {
    done_ = std::move(done);
    sums_.assign(parts_ * input_.dimension, 0.0);
    run_background(
        pool, parts_, pool->threads(pool->self), abort,
        [this](size_t part, size_t) {
          add(part);
          progress_.step();
        },
        [this](RunEnd end) { finish(end); });
  }

 private:
  void add(size_t part) {
    const size_t dimension = input_.dimension;
    double *sums = &sums_[part * dimension];
    const size_t end = std::min(input_.n, (part + 1) * part_vectors_);
    for (size_t v = part * part_vectors_; v < end; ++v) {
      const float *vector = input_.sample + v * dimension;
      const bool cosine = input_.metric == ANNULUS_METRIC_COSINE;
      const double scale = cosine ? inverse_norm(vector, dimension) : 1.0;
      bool finite = true;
      for (size_t i = 0; i < dimension; ++i) {
        finite = finite && std::isfinite(vector[i]);
        sums[i] += vector[i] * scale;
      }
      if (!finite) report_bad(v);
    }
  }

  void report_bad(size_t vector) {
    std::lock_guard<std::mutex> lock(mutex_);
    bad_vector_ = std::min(bad_vector_, vector);
  }

  void finish(RunEnd end) {
    TrainingResult result;
    if (end == RunEnd::aborted) result.status = ANNULUS_ABORTED;
    if (end == RunEnd::out_of_memory) result.status = ANNULUS_OUT_OF_MEMORY;
    if (end == RunEnd::completed && bad_vector_ != none_bad) {
      result.status = ANNULUS_OUT_OF_RANGE;
      result.bad_vector = bad_vector_;
    }
    try {
      if (result.status == ANNULUS_OK) result.codes = codes();
    } catch (const std::bad_alloc &) {
      result.status = ANNULUS_OUT_OF_MEMORY;
    }
    progress_.step();
    done_(std::move(result));
  }

  CodesRef codes() const {
    const size_t dimension = input_.dimension;
    std::vector<float> centre(dimension);
    for (size_t i = 0; i < dimension; ++i) {
      double sum = 0;
      for (size_t part = 0; part < parts_; ++part) sum += sums_[part * dimension + i];
      centre[i] = static_cast<float>(sum / static_cast<double>(input_.n));
    }
    if (input_.metric != ANNULUS_METRIC_EUCLIDEAN) {
      const double scale = inverse_norm(centre.data(), dimension);
      for (float &value : centre) value = static_cast<float>(value * scale);
    }
    return CodesRef::adopt(new BinaryCodes(input_.dimension, input_.metric, std::move(centre)));
  }

  TrainingInput input_;
  size_t part_vectors_;
  size_t parts_;
  Progress progress_;
  std::vector<double> sums_;
  std::mutex mutex_;
  size_t bad_vector_ = none_bad;
  Done done_;
};

}  // namespace

std::unique_ptr<Training> new_binary_training(const TrainingInput &input) {
  return std::make_unique<BinaryTraining>(input);
}

}  // namespace annulus
