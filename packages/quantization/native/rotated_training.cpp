// Finds the mean of the sample and its principal axes, by subspace iteration: random axes, drawn
// towards the sample's largest spread again and again.
#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <new>

#include "norm.h"
#include "rotated_codes.h"
#include "training.h"

namespace annulus {

namespace {

// Sums are kept for each part and added in the order of the parts, whatever thread made them: so
// what is found does not depend on the pool.
constexpr size_t parts_max = 16;
constexpr size_t sums_bytes_max = size_t{64} << 20;
// Enough for the axes to hold as much as the best ones do, to a few thousandths.
constexpr size_t judged_vectors = 4096;
constexpr size_t iterations = 6;
constexpr size_t none_bad = std::numeric_limits<size_t>::max();

class RotatedTraining final : public Training {
 public:
  RotatedTraining(const TrainingInput &input, uint32_t bits, uint64_t seed)
      : input_(input),
        every_(std::max<size_t>(1, input.n / judged_vectors)),
        judged_((input.n + every_ - 1) / every_),
        parts_(parts_for(input)),
        progress_(input.progress, static_cast<uint32_t>((1 + iterations) * parts_)) {
    model_.dimension = input.dimension;
    model_.metric = input.metric;
    model_.bits = bits;
    model_.seed = seed;
  }

  void start(const Held<annulus_pool> &pool, const int32_t *abort, Done done) override {
    pool_ = pool;
    abort_ = abort;
    done_ = std::move(done);
    guarded([this] {
      sums_.assign(parts_ * input_.dimension, 0.0);
      in_parts([this](size_t part) { add_vectors(part); }, [this] { set_mean(); });
    });
  }

 private:
  static size_t parts_for(const TrainingInput &input) {
    const size_t part_bytes = sizeof(double) * rotated_axes * input.dimension;
    return std::clamp<size_t>(sums_bytes_max / part_bytes, 1, std::min(parts_max, input.n));
  }

  void in_parts(std::function<void(size_t)> work, std::function<void()> next) {
    run_background(
        pool_, parts_, pool_->threads(pool_->self), abort_,
        [this, work = std::move(work)](size_t part, size_t) {
          work(part);
          progress_.step();
        },
        [this, next = std::move(next)](RunEnd end) {
          if (carry_on(end)) guarded(next);
        });
  }

  double scale_of(const float *vector) const {
    return input_.metric == ANNULUS_METRIC_COSINE ? inverse_norm(vector, input_.dimension) : 1.0;
  }

  void add_vectors(size_t part) {
    const size_t n = input_.dimension;
    double *sums = &sums_[part * n];
    for (size_t v = part * input_.n / parts_; v < (part + 1) * input_.n / parts_; ++v) {
      const float *vector = input_.sample + v * n;
      const double scale = scale_of(vector);
      bool finite = true;
      for (size_t i = 0; i < n; ++i) {
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

  void set_mean() {
    if (bad_vector_ != none_bad) {
      TrainingResult result;
      result.status = ANNULUS_OUT_OF_RANGE;
      result.bad_vector = bad_vector_;
      return done_(std::move(result));
    }
    const size_t n = input_.dimension;
    model_.mean.resize(n);
    for (size_t i = 0; i < n; ++i) {
      double sum = 0;
      for (size_t part = 0; part < parts_; ++part) sum += sums_[part * n + i];
      model_.mean[i] = static_cast<float>(sum / static_cast<double>(input_.n));
    }
    const bool euclidean = input_.metric == ANNULUS_METRIC_EUCLIDEAN;
    model_.mean_norm = euclidean ? 0 : norm_of(model_.mean.data(), n);
    axes_.resize(rotated_axes * n);
    SeededRandom random(model_.seed);
    for (double &value : axes_) value = random.symmetric();
    // The mean's own direction stays where it is.
    fixed_ = model_.mean_norm > 0 ? 1 : 0;
    for (size_t i = 0; i < n && fixed_ > 0; ++i) axes_[i] = model_.mean[i] / model_.mean_norm;
    make_orthonormal();
    iterate(0);
  }

  void iterate(size_t done) {
    if (done == iterations) return finish();
    sums_.assign(parts_ * rotated_axes * input_.dimension, 0.0);
    in_parts([this](size_t part) { draw_axes(part); },
             [this, done] {
               set_axes();
               iterate(done + 1);
             });
  }

  // Adds up, for each axis, the sample's vectors by their places along it.
  void draw_axes(size_t part) {
    const size_t n = input_.dimension;
    double *sums = &sums_[part * rotated_axes * n];
    std::vector<double> from_mean(n);
    for (size_t j = part * judged_ / parts_; j < (part + 1) * judged_ / parts_; ++j) {
      const float *vector = input_.sample + j * every_ * n;
      const double scale = scale_of(vector);
      for (size_t i = 0; i < n; ++i) from_mean[i] = vector[i] * scale - model_.mean[i];
      for (size_t a = fixed_; a < rotated_axes; ++a) {
        const double place = product(&axes_[a * n], from_mean.data());
        for (size_t i = 0; i < n; ++i) sums[a * n + i] += place * from_mean[i];
      }
    }
  }

  void set_axes() {
    const size_t size = rotated_axes * input_.dimension;
    for (size_t i = fixed_ * input_.dimension; i < size; ++i) {
      double sum = 0;
      for (size_t part = 0; part < parts_; ++part) sum += sums_[part * size + i];
      axes_[i] = sum;
    }
    make_orthonormal();
  }

  // Gram and Schmidt, twice for exactness; what lies within the axes before becomes zero.
  void make_orthonormal() {
    const size_t n = input_.dimension;
    for (size_t a = 0; a < rotated_axes; ++a) {
      double *axis = &axes_[a * n];
      const double before = std::sqrt(product(axis, axis));
      for (int pass = 0; pass < 2; ++pass) {
        for (size_t b = 0; b < a; ++b) {
          const double along = product(axis, &axes_[b * n]);
          for (size_t i = 0; i < n; ++i) axis[i] -= along * axes_[b * n + i];
        }
      }
      const double after = std::sqrt(product(axis, axis));
      const double scale = after > 1e-6 * before ? 1 / after : 0;
      for (size_t i = 0; i < n; ++i) axis[i] *= scale;
    }
  }

  // In eight sums of a fixed order, which the compiler turns into vectors.
  double product(const double *a, const double *b) const {
    const size_t n = input_.dimension;
    double sums[8] = {};
    const size_t whole = n / 8 * 8;
    for (size_t i = 0; i < whole; i += 8) {
      for (size_t k = 0; k < 8; ++k) sums[k] += a[i + k] * b[i + k];
    }
    for (size_t i = whole; i < n; ++i) sums[i - whole] += a[i] * b[i];
    return ((sums[0] + sums[4]) + (sums[1] + sums[5])) +
           ((sums[2] + sums[6]) + (sums[3] + sums[7]));
  }

  void finish() {
    model_.axes.assign(axes_.begin(), axes_.end());
    TrainingResult result;
    result.codes = CodesRef::adopt(new RotatedCodes(std::move(model_)));
    done_(std::move(result));
  }

  bool carry_on(RunEnd end) {
    if (end == RunEnd::completed) return true;
    TrainingResult result;
    result.status = end == RunEnd::aborted ? ANNULUS_ABORTED : ANNULUS_OUT_OF_MEMORY;
    done_(std::move(result));
    return false;
  }

  template <typename Step>
  void guarded(const Step &step) {
    try {
      step();
    } catch (const std::bad_alloc &) {
      carry_on(RunEnd::out_of_memory);
    }
  }

  TrainingInput input_;
  size_t every_;
  size_t judged_;
  size_t parts_;
  Progress progress_;
  RotatedModel model_;
  std::vector<double> axes_;
  size_t fixed_ = 0;  // axes that iteration leaves alone
  std::vector<double> sums_;
  std::mutex mutex_;
  size_t bad_vector_ = none_bad;
  Held<annulus_pool> pool_;
  const int32_t *abort_ = nullptr;
  Done done_;
};

}  // namespace

std::unique_ptr<Training> new_rotated_training(const TrainingInput &input, uint32_t bits,
                                               uint64_t seed) {
  return std::make_unique<RotatedTraining>(input, bits, seed);
}

}  // namespace annulus
