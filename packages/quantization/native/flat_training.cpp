// Uncompressed vectors learn nothing: the sample is not even looked at.
#include <new>

#include "flat_codes.h"
#include "training.h"

namespace annulus {

namespace {

class FlatTraining final : public Training {
 public:
  explicit FlatTraining(const TrainingInput &input) : input_(input), progress_(input.progress, 1) {}

  void start(const Held<annulus_pool> &pool, const int32_t *abort, Done done) override {
    done_ = std::move(done);
    run_background(
        pool, 1, 1, abort,
        [this](size_t, size_t) {
          codes_ = CodesRef::adopt(new FlatCodes(input_.dimension, input_.metric));
          progress_.step();
        },
        [this](RunEnd end) {
          TrainingResult result;
          if (end == RunEnd::aborted) result.status = ANNULUS_ABORTED;
          if (end == RunEnd::out_of_memory) result.status = ANNULUS_OUT_OF_MEMORY;
          result.codes = std::move(codes_);
          done_(std::move(result));
        });
  }

 private:
  TrainingInput input_;
  Progress progress_;
  CodesRef codes_;
  Done done_;
};

}  // namespace

std::unique_ptr<Training> new_flat_training(const TrainingInput &input) {
  return std::make_unique<FlatTraining>(input);
}

}  // namespace annulus
