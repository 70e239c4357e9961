// Finds the centroids of product codes: one pass over the sample takes a part of it at random into
// memory, sub-space by sub-space; then each sub-space is clustered on its own.
#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <new>

#include "kmeans.h"
#include "norm.h"
#include "product_codes.h"
#include "training.h"

namespace annulus {

namespace {

// 64 points a centroid; and few steps, as k-means++ starts near an optimum.
constexpr size_t clustered_vectors = 16384;
constexpr size_t lloyd_steps = 12;

constexpr size_t block_vectors = 256;
constexpr size_t none_bad = std::numeric_limits<size_t>::max();

class ProductTraining final : public Training {
 public:
  ProductTraining(const TrainingInput &input, uint32_t compression, uint64_t seed)
      : input_(input),
        seed_(seed),
        spaces_(SubSpaces::of(input.dimension, compression)),
        kernels_(product_kernels()),
        blocks_((input.n + block_vectors - 1) / block_vectors),
        progress_(input.progress,
                  static_cast<uint32_t>(blocks_ + (1 + lloyd_steps) * spaces_.count + 1)) {
    codebook_.compression = compression;
  }

  void start(const Held<annulus_pool> &pool, const int32_t *abort, Done done) override {
    pool_ = pool;
    abort_ = abort;
    done_ = std::move(done);
    choose();
    points_.resize(chosen_.size() * input_.dimension);
    largest_.assign(blocks_, 0);
    in_parts(
        blocks_, [this](size_t block) { take(block); }, [this] { taken(); });
  }

 private:
  // Reservoir sampling (Vitter, "Random Sampling with a Reservoir", algorithm R, 1985), in the
  // order of the sample.
  void choose() {
    chosen_.resize(std::min(input_.n, clustered_vectors));
    for (size_t i = 0; i < chosen_.size(); ++i) chosen_[i] = i;
    Random random(seed_, std::numeric_limits<uint64_t>::max());
    for (size_t i = chosen_.size(); i < input_.n; ++i) {
      const uint64_t place = random.below(i + 1);
      if (place < chosen_.size()) chosen_[place] = i;
    }
    std::sort(chosen_.begin(), chosen_.end());
  }

  // Checks a block of the sample, and takes over what was chosen of it.
  void take(size_t block) {
    const size_t dimension = input_.dimension;
    const size_t from = block * block_vectors;
    const size_t end = std::min(input_.n, from + block_vectors);
    size_t next = std::lower_bound(chosen_.begin(), chosen_.end(), from) - chosen_.begin();
    float largest = 0;
    for (size_t v = from; v < end; ++v) {
      const float *vector = input_.sample + v * dimension;
      if (!std::all_of(vector, vector + dimension, [](float x) { return std::isfinite(x); })) {
        return report_bad(v);
      }
      if (next == chosen_.size() || chosen_[next] != v) continue;
      const bool cosine = input_.metric == ANNULUS_METRIC_COSINE;
      const double scale = cosine ? inverse_norm(vector, dimension) : 1.0;
      for (size_t i = 0; i < dimension; ++i) {
        const auto value = static_cast<float>(vector[i] * scale);
        largest = std::max(largest, std::fabs(value));
        points_[i * chosen_.size() + next] = value;
      }
      ++next;
    }
    largest_[block] = largest;
  }

  void report_bad(size_t vector) {
    std::lock_guard<std::mutex> lock(mutex_);
    bad_vector_ = std::min(bad_vector_, vector);
  }

  void taken() {
    if (bad_vector_ != none_bad) {
      TrainingResult result;
      result.status = ANNULUS_OUT_OF_RANGE;
      result.bad_vector = bad_vector_;
      return done_(std::move(result));
    }
    const float largest = *std::max_element(largest_.begin(), largest_.end());
    codebook_.scale = largest > 0 ? std::ldexp(1.0, -std::ilogb(largest)) : 1.0;
    codebook_.centroids.resize(centroid_count * input_.dimension);
    for (size_t j = 0; j < spaces_.count; ++j) {
      clusters_.emplace_back(kernels_, points_.data() + chosen_.size() * spaces_.start(j),
                             chosen_.size(), spaces_.width(j),
                             codebook_.centroids.data() + centroid_count * spaces_.start(j));
    }
    in_parts(
        spaces_.count, [this](size_t j) { seed(j); }, [this] { step(0); });
  }

  void seed(size_t j) {
    float *points = points_.data() + chosen_.size() * spaces_.start(j);
    for (size_t i = 0; i < chosen_.size() * spaces_.width(j); ++i) {
      points[i] = static_cast<float>(points[i] * codebook_.scale);
    }
    clusters_[j].seed(Random(seed_, j));
  }

  void step(size_t done) {
    if (done == lloyd_steps) return finish();
    in_parts(
        spaces_.count, [this](size_t j) { clusters_[j].step(); }, [this, done] { step(done + 1); });
  }

  void finish() {
    TrainingResult result;
    clusters_.clear();
    result.codes =
        CodesRef::adopt(new ProductCodes(input_.dimension, input_.metric, std::move(codebook_)));
    progress_.step();
    done_(std::move(result));
  }

  // Runs `work` for each part on the pool, then `next` on a worker, unless training has ended.
  void in_parts(size_t parts, std::function<void(size_t)> work, std::function<void()> next) {
    run_background(
        pool_, parts, pool_->threads(pool_->self), abort_,
        [this, work = std::move(work)](size_t part, size_t) {
          work(part);
          progress_.step();
        },
        [this, next = std::move(next)](RunEnd end) {
          if (end == RunEnd::aborted) return fail(ANNULUS_ABORTED);
          if (end == RunEnd::out_of_memory) return fail(ANNULUS_OUT_OF_MEMORY);
          try {
            next();
          } catch (const std::bad_alloc &) {
            fail(ANNULUS_OUT_OF_MEMORY);
          }
        });
  }

  void fail(int32_t status) {
    TrainingResult result;
    result.status = status;
    done_(std::move(result));
  }

  TrainingInput input_;
  uint64_t seed_;
  SubSpaces spaces_;
  ProductKernels kernels_;
  size_t blocks_;
  Progress progress_;
  Held<annulus_pool> pool_;
  const int32_t *abort_ = nullptr;
  Done done_;
  std::vector<size_t> chosen_;   // of the sample, in its order
  AlignedVector<float> points_;  // component by component
  std::vector<float> largest_;   // magnitude of each block
  std::vector<KMeans> clusters_;
  ProductCodebook codebook_;
  std::mutex mutex_;
  size_t bad_vector_ = none_bad;
};

}  // namespace

std::unique_ptr<Training> new_product_training(const TrainingInput &input, uint32_t compression,
                                               uint64_t seed) {
  return std::make_unique<ProductTraining>(input, compression, seed);
}

}  // namespace annulus
