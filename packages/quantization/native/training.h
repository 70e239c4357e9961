// Training of codes on a sample: what every kind's trainer looks like from outside.
#pragma once

#include <annulus/abi.h>
#include <annulus/held.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "codes.h"
#include "parallel.h"

namespace annulus {

/// What to train on. The sample is borrowed until training has ended.
struct TrainingInput {
  const float *sample = nullptr;  // n x dimension
  size_t n = 0;
  uint32_t dimension = 0;
  uint32_t metric = 0;
  uint32_t *progress = nullptr;  // two words, steps done and to do, or null
};

/// Counts steps where the JavaScript thread can see them while training runs.
class Progress {
 public:
  Progress(uint32_t *words, uint32_t total) : words_(words != nullptr ? words : own_) {
    __atomic_store_n(&words_[1], total, __ATOMIC_RELAXED);
  }
  void step() { __atomic_fetch_add(&words_[0], 1, __ATOMIC_RELAXED); }

 private:
  uint32_t own_[2] = {};
  uint32_t *words_;
};

/// How training ended.
struct TrainingResult {
  int32_t status = ANNULUS_OK;  // ANNULUS_OUT_OF_RANGE: component of `bad_vector` is not finite
  size_t bad_vector = 0;
  CodesRef codes;  // set when status is ANNULUS_OK
};

/// One training run. Calls `done` exactly once on a worker; must be kept until then.
class Training {
 public:
  using Done = std::function<void(TrainingResult result)>;
  virtual ~Training() = default;
  virtual void start(const Held<annulus_pool> &pool, const int32_t *abort, Done done) = 0;
};

/// @param quantile share of the values that the range must hold, 0.5 to 1; NaN lets training
/// choose.
std::unique_ptr<Training> new_scalar_training(const TrainingInput &input, double quantile);
std::unique_ptr<Training> new_flat_training(const TrainingInput &input);
std::unique_ptr<Training> new_binary_training(const TrainingInput &input);
/// @param bits of a component: 1, 2, 4 or 8. @param seed of the rotation.
std::unique_ptr<Training> new_rotated_training(const TrainingInput &input, uint32_t bits,
                                               uint64_t seed);
/// @param compression 4, 8, 16, 32 or 64 bytes of float32 for a byte of code.
std::unique_ptr<Training> new_product_training(const TrainingInput &input, uint32_t compression,
                                               uint64_t seed);

}  // namespace annulus
