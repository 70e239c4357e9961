// Measures the error of trained codes on pairs of the sample, in the background.
#pragma once

#include "training.h"

namespace annulus {

/// Calibrates the bounds of codes that were just trained and nobody else has seen, and calls `done`
/// exactly once on a worker. `every` is how many vectors lie from one of the sample to the next.
/// Codes of a sample too small for it stay without bounds. The sample and `abort` live until
/// `done`.
void calibrate(const CodesRef &codes, const TrainingInput &input, size_t every,
               const Held<annulus_pool> &pool, const int32_t *abort,
               std::function<void(RunEnd end)> done);

}  // namespace annulus
