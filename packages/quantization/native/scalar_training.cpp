// Finds the range of scalar codes: exact quantiles over the values of the sample, and, when no
// quantile was asked for, the one with the least expected error of a distance.
#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "norm.h"
#include "scalar_codes.h"
#include "training.h"
#include "value_histogram.h"

namespace annulus {

namespace {

constexpr size_t block_vectors = 256;
constexpr size_t judged_vectors = 2048;
constexpr double candidate_quantiles[] = {1, 0.9999, 0.999, 0.99};

struct Interval {
  double low;
  double high;
};

class ScalarTraining final : public Training {
 public:
  ScalarTraining(const TrainingInput &input, double quantile)
      : input_(input),
        blocks_((input.n + block_vectors - 1) / block_vectors),
        progress_(input.progress, static_cast<uint32_t>(2 * blocks_ + 1)) {
    if (std::isnan(quantile)) {
      quantiles_.assign(std::begin(candidate_quantiles), std::end(candidate_quantiles));
    } else {
      // The full range is the way out when the quantile's is empty.
      quantiles_ = {quantile, 1};
      asked_ = true;
    }
  }

  void start(const Held<annulus_pool> &pool, const int32_t *abort, Done done) override {
    pool_ = pool;
    abort_ = abort;
    done_ = std::move(done);
    const size_t lanes = std::min<size_t>(pool->threads(pool->self), blocks_);
    histogram_ = std::make_unique<ValueHistogram>(lanes);
    lanes_ = lanes;
    run_background(
        pool_, blocks_, lanes_, abort_,
        [this](size_t block, size_t lane) {
          visit(block, [&](size_t vector, float value) {
            if (!std::isfinite(value)) {
              report_bad(vector);
            } else {
              histogram_->count_upper(lane, value);
            }
          });
        },
        [this](RunEnd end) { counted(end); });
  }

 private:
  // Calls `each(vector, value)` for the values of a block as they will be encoded.
  template <typename Each>
  void visit(size_t block, Each each) {
    const size_t end = std::min(input_.n, (block + 1) * block_vectors);
    for (size_t v = block * block_vectors; v < end; ++v) {
      const float *vector = input_.sample + v * input_.dimension;
      const double scale = scale_of(vector);
      for (size_t i = 0; i < input_.dimension; ++i) {
        each(v, static_cast<float>(vector[i] * scale));
      }
    }
    progress_.step();
  }

  double scale_of(const float *vector) const {
    return input_.metric == ANNULUS_METRIC_COSINE ? inverse_norm(vector, input_.dimension) : 1.0;
  }

  void report_bad(size_t vector) {
    std::lock_guard<std::mutex> lock(mutex_);
    bad_vector_ = std::min(bad_vector_, vector);
  }

  void counted(RunEnd end) {
    if (!carry_on(end)) return;
    if (bad_vector_ != none_bad) {
      TrainingResult result;
      result.status = ANNULUS_OUT_OF_RANGE;
      result.bad_vector = bad_vector_;
      done_(std::move(result));
      return;
    }
    guarded([this] {
      const uint64_t values = static_cast<uint64_t>(input_.n) * input_.dimension;
      std::vector<uint64_t> ranks;
      for (const double quantile : quantiles_) {
        // Half of the clipped values on each side; the small addition undoes the rounding of 1 - q.
        const double clipped = static_cast<double>(values) * (1 - quantile);
        const auto tail = std::min(static_cast<uint64_t>(clipped / 2 + 1e-6), (values - 1) / 2);
        ranks.push_back(tail);
        ranks.push_back(values - 1 - tail);
      }
      histogram_->want(ranks);
      run_background(
          pool_, blocks_, lanes_, abort_,
          [this](size_t block, size_t lane) {
            visit(block, [&](size_t, float value) { histogram_->count_lower(lane, value); });
          },
          [this](RunEnd refined) { found(refined); });
    });
  }

  void found(RunEnd end) {
    if (!carry_on(end)) return;
    guarded([this] {
      const std::vector<float> values = histogram_->values();
      for (size_t i = 0; i < quantiles_.size(); ++i) {
        intervals_.push_back({values[2 * i], values[2 * i + 1]});
      }
      const size_t best = asked_ ? usable(0) : least_error();
      const ScalarRange range = range_of(intervals_[best], quantiles_[best]);
      TrainingResult result;
      result.codes = CodesRef::adopt(new ScalarCodes(input_.dimension, input_.metric, range));
      progress_.step();
      done_(std::move(result));
    });
  }

  // A quantile may cut away everything that varies (sparse vectors); then the full range serves.
  size_t usable(size_t i) const {
    return intervals_[i].low < intervals_[i].high ? i : quantiles_.size() - 1 - i;
  }

  static ScalarRange range_of(const Interval &interval, double quantile) {
    const double width = interval.high - interval.low;
    // 128 * step must not vanish beside the offset, nor step be zero.
    const double step = width / 255;
    if (step > 0 && std::isfinite(step)) return {interval.low + 128 * step, step, quantile};
    // One value only: exactly representable, with room for others of its size.
    const double value = interval.low;
    return {value, value == 0 ? 1.0 / 128 : std::fabs(value) / 128, quantile};
  }

  // Expected squared error of a distance between the sample's vectors and their codes: the error of
  // each component weighs by what multiplies it, the component of a query for products, of a
  // difference for euclidean, one for manhattan.
  size_t least_error() const {
    const size_t n = input_.n;
    const size_t every = std::max<size_t>(1, n / judged_vectors);
    const std::vector<double> weights = component_weights(every);
    size_t best = 0;
    double least = std::numeric_limits<double>::infinity();
    for (size_t q = 0; q < quantiles_.size(); ++q) {
      if (q > 0 && !(intervals_[q].low < intervals_[q].high)) continue;
      const double error = error_of(range_of(intervals_[q], quantiles_[q]), weights, every);
      if (error < least) {
        least = error;
        best = q;
      }
    }
    return best;
  }

  std::vector<double> component_weights(size_t every) const {
    const size_t dimension = input_.dimension;
    std::vector<double> weights(dimension, 1.0);
    if (input_.metric == ANNULUS_METRIC_MANHATTAN) return weights;
    std::vector<double> sums(dimension, 0.0), squares(dimension, 0.0);
    double count = 0;
    for (size_t v = 0; v < input_.n; v += every, ++count) {
      const float *vector = input_.sample + v * dimension;
      const double scale = scale_of(vector);
      for (size_t i = 0; i < dimension; ++i) {
        const double value = vector[i] * scale;
        sums[i] += value;
        squares[i] += value * value;
      }
    }
    const bool euclidean = input_.metric == ANNULUS_METRIC_EUCLIDEAN;
    for (size_t i = 0; i < dimension; ++i) {
      const double mean = sums[i] / count;
      weights[i] = squares[i] / count - (euclidean ? mean * mean : 0);
    }
    return weights;
  }

  double error_of(const ScalarRange &range, const std::vector<double> &weights,
                  size_t every) const {
    const size_t dimension = input_.dimension;
    double total = 0;
    for (size_t v = 0; v < input_.n; v += every) {
      const float *vector = input_.sample + v * dimension;
      const double scale = scale_of(vector);
      for (size_t i = 0; i < dimension; ++i) {
        const double level = (vector[i] * scale - range.low()) / range.step;
        const double nearest = std::nearbyint(std::clamp(level, 0.0, 255.0));
        const double error = (level - nearest) * range.step;
        total += weights[i] * error * error;
      }
    }
    return total;
  }

  bool carry_on(RunEnd end) {
    if (end == RunEnd::completed) return true;
    TrainingResult result;
    result.status = end == RunEnd::aborted ? ANNULUS_ABORTED : ANNULUS_OUT_OF_MEMORY;
    done_(std::move(result));
    return false;
  }

  template <typename Step>
  void guarded(Step step) {
    try {
      step();
    } catch (const std::bad_alloc &) {
      carry_on(RunEnd::out_of_memory);
    }
  }

  static constexpr size_t none_bad = std::numeric_limits<size_t>::max();

  TrainingInput input_;
  size_t blocks_;
  Progress progress_;
  std::vector<double> quantiles_;
  bool asked_ = false;
  size_t lanes_ = 0;
  Held<annulus_pool> pool_;
  const int32_t *abort_ = nullptr;
  Done done_;
  std::unique_ptr<ValueHistogram> histogram_;
  std::vector<Interval> intervals_;
  std::mutex mutex_;
  size_t bad_vector_ = none_bad;
};

}  // namespace

std::unique_ptr<Training> new_scalar_training(const TrainingInput &input, double quantile) {
  return std::make_unique<ScalarTraining>(input, quantile);
}

}  // namespace annulus
