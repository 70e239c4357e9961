#include "code_scorer.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "../../../quantization/native/flat_codes.h"
#include "../../../quantization/native/scalar_codes.h"

namespace annulus::hnsw::bench {

namespace {

struct Held : CodeScorer {
  CodesRef codes;
  annulus_scorer scorer{};
  const annulus_scorer &table() const override { return scorer; }
};

ScalarRange range_of(const DataSet &set) {
  std::vector<float> sample;
  for (size_t i = 0; i < set.base.size(); i += 97) sample.push_back(set.base[i]);
  std::sort(sample.begin(), sample.end());
  const double low = sample[sample.size() / 2000];
  const double high = sample[sample.size() - 1 - sample.size() / 2000];
  const double step = (high - low) / 255;
  return {low + 128 * step, step, 0.999};
}

}  // namespace

std::unique_ptr<CodeScorer> encode(const std::string &kind, const DataSet &set) {
  const uint32_t metric = set.euclidean ? ANNULUS_METRIC_EUCLIDEAN : ANNULUS_METRIC_COSINE;
  auto held = std::make_unique<Held>();
  if (kind == "scalar") {
    held->codes = CodesRef::adopt(new ScalarCodes(set.dimension, metric, range_of(set)));
  } else {
    held->codes = CodesRef::adopt(new FlatCodes(set.dimension, metric));
  }
  if (!held->codes->rows().reserve(set.count())) std::exit(1);
  held->codes->encode(set.base.data(), set.count(), 0);
  held->codes->rows().publish(set.count());
  held->scorer = held->codes->scorer();
  return held;
}

}  // namespace annulus::hnsw::bench
