// What rotated codes promise: rotations that are rotations, estimates without bias, bounds and
// decode errors that hold, the same codes on every instruction set. With ANNULUS_DATA also on real
// sets.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <annulus/aligned.h>

#include "../rotated_codes.h"
#include "../training.h"
#include "arrival.h"
#include "small_pool.h"

using namespace annulus;

namespace {

struct Vectors {
  std::string name;
  uint32_t dimension;
  std::vector<float> values;
  size_t count() const { return values.size() / dimension; }
  const float *at(size_t i) const { return &values[i * dimension]; }
};

void check(bool ok, const char *what, const std::string &where) {
  if (ok) return;
  std::printf("not ok: %s (%s)\n", what, where.c_str());
  std::exit(1);
}

Vectors normal_vectors(const char *name, uint32_t dimension, size_t n, uint32_t seed,
                       float offset = 0) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(offset);
  Vectors made{name, dimension, std::vector<float>(n * dimension)};
  for (float &value : made.values) value = normal(random);
  return made;
}

// Few components unlike zero, of very unlike sizes: what a rotation has to even out.
Vectors sparse_vectors(uint32_t dimension, size_t n) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  Vectors made{"sparse", dimension, std::vector<float>(n * dimension)};
  for (size_t v = 0; v < n; ++v) {
    for (int k = 0; k < 5; ++k) {
      made.values[v * dimension + random() % dimension] = std::exp(3 * normal(random));
    }
  }
  return made;
}

// The first vectors of an fvecs or bvecs file.
Vectors read_vectors(const std::string &path, size_t most) {
  std::ifstream file(path, std::ios::binary);
  const bool bytes = path.find(".bvecs") != std::string::npos;
  Vectors read{path.substr(path.rfind('/', path.rfind('/') - 1) + 1), 0, {}};
  int32_t dimension = 0;
  while (most-- > 0 && file.read(reinterpret_cast<char *>(&dimension), 4)) {
    read.dimension = static_cast<uint32_t>(dimension);
    std::vector<uint8_t> raw(read.dimension * (bytes ? 1 : 4));
    file.read(reinterpret_cast<char *>(raw.data()), static_cast<std::streamsize>(raw.size()));
    for (size_t i = 0; i < read.dimension; ++i) {
      float value;
      std::memcpy(&value, &raw[bytes ? 0 : 4 * i], 4);
      read.values.push_back(bytes ? raw[i] : value);
    }
  }
  return read;
}

double dot(const float *a, const float *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

double true_distance(uint32_t metric, const float *q, const float *x, size_t n) {
  const double product = dot(q, x, n);
  if (metric == ANNULUS_METRIC_DOT) return -product;
  const double q2 = dot(q, q, n);
  const double x2 = dot(x, x, n);
  if (metric == ANNULUS_METRIC_COSINE) return q2 * x2 > 0 ? -product / std::sqrt(q2 * x2) : 0;
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    const double difference = static_cast<double>(q[i]) - x[i];
    sum += difference * difference;
  }
  return sum;
}

CodesRef codes_of(const Vectors &vectors, uint32_t metric, uint32_t bits, uint64_t seed) {
  SmallPool workers(2);
  const Held<annulus_pool> pool(workers.table());
  TrainingInput input;
  input.sample = vectors.values.data();
  input.n = vectors.count();
  input.dimension = vectors.dimension;
  input.metric = metric;
  const auto training = new_rotated_training(input, bits, seed);
  Arrival<TrainingResult> arrival;
  training->start(pool, nullptr, [&](TrainingResult result) { arrival.set(std::move(result)); });
  const CodesRef codes = arrival.wait().codes;
  check(static_cast<bool>(codes) && codes->rows().reserve(vectors.count()), "training",
        vectors.name);
  codes->encode(vectors.values.data(), vectors.count(), 0);
  codes->rows().publish(vectors.count());
  return codes;
}

struct Estimates {
  std::vector<float> distances;
  std::vector<float> bounds;
};

Estimates estimates_of(const Codes &codes, const float *query) {
  AlignedVector<uint8_t> prepared(codes.query_bytes());
  codes.prepare(query, prepared.data());
  const size_t n = codes.rows().slots();
  std::vector<uint32_t> slots(n);
  for (size_t i = 0; i < n; ++i) slots[i] = static_cast<uint32_t>(i);
  Estimates made{std::vector<float>(n), std::vector<float>(n)};
  codes.query_distances(prepared.data(), slots.data(), n, made.distances.data());
  codes.query_bounds(prepared.data(), slots.data(), made.distances.data(), n, made.bounds.data());
  return made;
}

// Lengths are kept, the inverse undoes, and even a single component is spread evenly: the fourth
// powers of a random unit vector of n components add up to 3 / (n + 2).
void rotations_rotate() {
  for (const uint32_t n :
       {1u, 2u, 3u, 7u, 31u, 63u, 64u, 65u, 100u, 127u, 129u, 384u, 784u, 1023u}) {
    double fourth = 0;
    const int trials = 400;
    for (int trial = 0; trial < trials; ++trial) {
      const Rotation rotation(n, static_cast<uint64_t>(trial));
      std::vector<float> in(n), scratch(n), out(n), back(n);
      in[static_cast<size_t>(trial) % n] = 1;
      rotation.apply(in.data(), scratch.data(), out.data());
      rotation.invert(out.data(), scratch.data(), back.data());
      for (size_t i = 0; i < n; ++i) {
        check(std::fabs(back[i] - in[i]) < 1e-5, "the inverse undoes", std::to_string(n));
        fourth += std::pow(static_cast<double>(out[i]), 4);
      }
      check(std::fabs(dot(out.data(), out.data(), n) - 1) < 1e-5, "lengths", std::to_string(n));
    }
    const double expected = 3.0 / (n + 2);
    check(std::fabs(fourth / trials / expected - 1) < 0.08, "one component is spread",
          std::to_string(n) + ": " + std::to_string(fourth / trials / expected));
  }
}

// The mean of the errors of one pair over many rotations, in standard errors of that mean.
void estimates_are_unbiased() {
  for (const uint32_t dimension : {40u, 100u, 384u}) {
    for (const Vectors &vectors :
         {normal_vectors("normal", dimension, 30, 3, 0.5f), sparse_vectors(dimension, 30)}) {
      for (const uint32_t bits : {1u, 2u, 4u, 8u}) {
        const int rotations = 200;
        std::vector<double> sums(30), squares(30);
        for (int seed = 0; seed < rotations; ++seed) {
          const CodesRef codes =
              codes_of(vectors, ANNULUS_METRIC_DOT, bits, static_cast<uint64_t>(seed));
          const Estimates found = estimates_of(*codes, vectors.at(0));
          for (size_t i = 0; i < 30; ++i) {
            const double error =
                found.distances[i] -
                true_distance(ANNULUS_METRIC_DOT, vectors.at(0), vectors.at(i), dimension);
            sums[i] += error;
            squares[i] += error * error;
          }
        }
        double worst = 0;
        for (size_t i = 1; i < 30; ++i) {
          const double deviation = std::sqrt(squares[i] / rotations);
          // Places along the axes are rounded to 15 bits, the same for all rotations.
          const double rounding = 1e-4 * std::sqrt(dot(vectors.at(0), vectors.at(0), dimension) *
                                                   dot(vectors.at(i), vectors.at(i), dimension));
          const double off = std::max(std::fabs(sums[i] / rotations) - rounding, 0.0);
          worst = std::max(worst, off / deviation * std::sqrt(static_cast<double>(rotations)));
        }
        // 29 pairs: more than 4.5 happens once in 5,000 runs of a fair estimator.
        const std::string where = vectors.name + " " + std::to_string(dimension) + ", " +
                                  std::to_string(bits) + " bits: " + std::to_string(worst);
        check(worst < 4.5, "the mean error is off", where);
      }
    }
  }
}

void bounds_hold(const Vectors &base, const Vectors &queries, uint32_t metric) {
  for (const uint32_t bits : {1u, 2u, 4u, 8u}) {
    const CodesRef codes = codes_of(base, metric, bits, 7);
    const auto &rotated = static_cast<const RotatedCodes &>(*codes);
    size_t broken = 0;
    size_t pairs = 0;
    double relative = 0;
    for (size_t q = 0; q < queries.count(); ++q) {
      const Estimates found = estimates_of(*codes, queries.at(q));
      for (size_t i = 0; i < base.count(); ++i, ++pairs) {
        const double exact = true_distance(metric, queries.at(q), base.at(i), base.dimension);
        const double error = std::fabs(found.distances[i] - exact);
        // What the floats of the vectors themselves do not tell apart.
        broken += error > found.bounds[i] ? 1 : 0;
        relative += found.bounds[i] > 0 ? error / found.bounds[i] : 0;
      }
    }
    std::vector<float> decoded(base.dimension);
    for (uint32_t slot = 0; slot < base.count(); ++slot) {
      rotated.decode(slot, decoded.data());
      const float *vector = base.at(slot);
      const double length = std::sqrt(dot(vector, vector, base.dimension));
      const double scale = metric == ANNULUS_METRIC_COSINE && length > 0 ? 1 / length : 1;
      double square = 0;
      for (size_t i = 0; i < base.dimension; ++i) {
        const double difference = vector[i] * scale - decoded[i];
        square += difference * difference;
      }
      check(std::sqrt(square) <= rotated.decode_error(slot) + 1e-6 * length * scale, "decode error",
            base.name + " " + std::to_string(std::sqrt(square)) + " > " +
                std::to_string(rotated.decode_error(slot)));
    }
    const double share = static_cast<double>(broken) / static_cast<double>(pairs);
    std::printf("# %s, metric %u, %u bits: %.4f %% of %zu bounds broken, mean error %.3f of them\n",
                base.name.c_str(), metric, bits, 100 * share, pairs,
                relative / static_cast<double>(pairs));
    check(share <= 1 - RotatedCodes::confidence, "bounds are broken too often", base.name);
    check(relative / static_cast<double>(pairs) > 0.15, "bounds are far too wide", base.name);
  }
}

// Rows must be the same bytes, and so must distances.
void codes_are_the_same_everywhere() {
  for (const uint32_t dimension : {1u, 5u, 64u, 100u, 384u, 1000u}) {
    const Vectors vectors = normal_vectors("normal", dimension, 40, 9, 0.1f);
    for (uint32_t metric = 0; metric <= ANNULUS_METRIC_EUCLIDEAN; ++metric) {
      for (const uint32_t bits : {1u, 2u, 4u, 8u}) {
        const std::vector<uint8_t> book = codes_of(vectors, metric, bits, 1)->codebook();
        std::vector<uint8_t> first;
        for (const Isa isa : all_isas) {
          if (!isa_supported(isa)) continue;
          RotatedModel model;
          RotatedModel::from(dimension, metric, book.data(), book.size(), model);
          const CodesRef codes = CodesRef::adopt(new RotatedCodes(std::move(model), isa));
          check(codes->rows().reserve(40), "memory", isa_name(isa));
          codes->encode(vectors.values.data(), 40, 0);
          codes->rows().publish(40);
          const size_t stride = codes->rows().layout().stride;
          std::vector<uint8_t> seen(codes->rows().row(0), codes->rows().row(0) + 40 * stride);
          const Estimates found = estimates_of(*codes, vectors.at(3));
          const auto *distances = reinterpret_cast<const uint8_t *>(found.distances.data());
          seen.insert(seen.end(), distances, distances + 40 * sizeof(float));
          if (first.empty()) first = seen;
          check(seen == first, "codes differ between instruction sets", isa_name(isa));
        }
      }
    }
  }
}

}  // namespace

int main() {
  rotations_rotate();
  codes_are_the_same_everywhere();
  estimates_are_unbiased();
  bounds_hold(normal_vectors("normal", 128, 5000, 1, 0.3f), normal_vectors("", 128, 200, 2, 0.3f),
              ANNULUS_METRIC_EUCLIDEAN);
  bounds_hold(sparse_vectors(300, 5000), sparse_vectors(300, 200), ANNULUS_METRIC_DOT);
  const char *data = std::getenv("ANNULUS_DATA");
  if (data != nullptr) {
    const std::string notes = std::string(data) + "/ml-notes-384-cosine/";
    const std::string fashion = std::string(data) + "/fashion-mnist-784-euclidean/";
    bounds_hold(read_vectors(notes + "base.fvecs", 10000),
                read_vectors(notes + "queries.fvecs", 100), ANNULUS_METRIC_COSINE);
    bounds_hold(read_vectors(fashion + "base.bvecs", 10000),
                read_vectors(fashion + "queries.fvecs", 100), ANNULUS_METRIC_EUCLIDEAN);
  }
  std::printf("ok: rotated codes\n");
  return 0;
}
