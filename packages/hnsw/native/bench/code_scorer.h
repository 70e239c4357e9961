// The real codes of @annulus/quantization as scorers for the benchmark.
#pragma once

#include <annulus/abi.h>

#include <memory>
#include <string>

#include "data.h"

namespace annulus::hnsw::bench {

struct CodeScorer {
  virtual ~CodeScorer() = default;
  virtual const annulus_scorer &table() const = 0;
};

/// `kind` is "none" or "scalar" (range between the 0.05 % and 99.95 % quantile of the values).
std::unique_ptr<CodeScorer> encode(const std::string &kind, const DataSet &set);

}  // namespace annulus::hnsw::bench
