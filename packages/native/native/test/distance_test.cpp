// Every float kernel at every level of this machine against a float64 reference.
#include <annulus/distance.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "../vectors.h"
#include "check.h"

using namespace annulus;

namespace {

constexpr size_t length_max = 2100;

struct Reference {
  double distance;
  double tolerance;
};

// The tolerance is the bound of recursive summation, (terms in one sum) * eps * sum of magnitudes.
Reference reference(uint32_t metric, const float *q, const float *v, size_t n) {
  double dot = 0, magnitude = 0, q2 = 0, v2 = 0, squares = 0, absolutes = 0;
  for (size_t i = 0; i < n; ++i) {
    const double a = q[i], b = v[i];
    dot += a * b;
    magnitude += std::fabs(a * b);
    q2 += a * a;
    v2 += b * b;
    squares += (a - b) * (a - b);
    absolutes += std::fabs(a - b);
  }
  const double eps = (static_cast<double>(n) / 4 + 12) * 6e-8;
  switch (metric) {
    case ANNULUS_METRIC_DOT:
      return {-dot, eps * magnitude};
    case ANNULUS_METRIC_EUCLIDEAN:
      return {squares, eps * squares};
    case ANNULUS_METRIC_MANHATTAN:
      return {absolutes, eps * absolutes};
    default:
      break;
  }
  const double norms = std::sqrt(q2) * std::sqrt(v2);
  if (norms == 0) return {0, 0};
  return {-dot / norms, eps * (magnitude / norms + std::fabs(dot) / norms) + 1e-7};
}

std::string at(Isa isa, uint32_t metric, size_t n, size_t offset = 0) {
  return std::string("at ") + isa_name(isa) + " metric " + std::to_string(metric) + " length " +
         std::to_string(n) + " offset " + std::to_string(offset);
}

template <typename Run>
void for_every_kernel(Run run) {
  for (const Isa isa : all_isas) {
    if (!isa_supported(isa)) continue;
    for (uint32_t metric = 0; metric <= ANNULUS_METRIC_MANHATTAN; ++metric) run(isa, metric);
  }
}

// Two pages of floats that end where the next page may not be touched.
struct Guarded {
  Guarded() {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    size = (length_max * sizeof(float) / page + 2) * page;
    base = static_cast<char *>(
        mmap(nullptr, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base == MAP_FAILED || mprotect(base + size, page, PROT_NONE) != 0) std::abort();
  }
  float *ending_with(size_t n) const { return reinterpret_cast<float *>(base + size) - n; }
  char *base;
  size_t size;
};

void lengths_and_alignments(std::mt19937 &random) {
  std::normal_distribution<float> normal;
  std::vector<float> a(length_max + 16), b(length_max + 16);
  for (float &x : a) x = normal(random);
  for (float &x : b) x = normal(random) + 0.3f;
  const Guarded qs, vs;
  for (size_t n = 0; n <= length_max; ++n) {
    const size_t shift = n % 13;
    float *q = qs.ending_with(n), *v = vs.ending_with(n);
    std::memcpy(q, a.data() + shift, n * sizeof(float));
    std::memcpy(v, b.data(), n * sizeof(float));
    for_every_kernel([&](Isa isa, uint32_t metric) {
      const Reference expected = reference(metric, q, v, n);
      const float guarded = ExactQuery(metric, q, n, isa).distance(v);
      CHECK_AT(std::fabs(guarded - expected.distance) <= expected.tolerance, at(isa, metric, n));
      // The same bits wherever the vectors lie.
      const float shifted = ExactQuery(metric, a.data() + shift, n, isa).distance(b.data());
      CHECK_AT(std::memcmp(&guarded, &shifted, sizeof guarded) == 0, at(isa, metric, n, shift));
    });
  }
}

// A kernel that drops or doubles a component is off by its whole weight.
void every_component_counts() {
  for (size_t n = 1; n <= 200; ++n) {
    std::vector<float> q(n, 1.0f), v(n, 0.0f);
    for (size_t i = 0; i < n; ++i) {
      v[i] = 3;
      for_every_kernel([&](Isa isa, uint32_t metric) {
        const float distance = ExactQuery(metric, q.data(), n, isa).distance(v.data());
        const auto others = static_cast<float>(n - 1);
        const float expected = metric == ANNULUS_METRIC_DOT         ? -3
                               : metric == ANNULUS_METRIC_EUCLIDEAN ? 4 + others
                               : metric == ANNULUS_METRIC_MANHATTAN
                                   ? 2 + others
                                   : static_cast<float>(-1 / std::sqrt(static_cast<double>(n)));
        CHECK_AT(distance == expected, at(isa, metric, n, i));
      });
      v[i] = 0;
    }
  }
}

void special_values(std::mt19937 &random) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  std::normal_distribution<float> normal;
  for (const size_t n : {1, 3, 7, 16, 31, 64, 100, 768}) {
    std::vector<float> q(n), v(n);
    for (float &x : q) x = normal(random);
    for (float &x : v) x = normal(random);
    for_every_kernel([&](Isa isa, uint32_t metric) {
      std::vector<float> bad = v;
      bad[random() % n] = nan;
      CHECK_AT(ExactQuery(metric, q.data(), n, isa).distance(bad.data()) == infinity,
               at(isa, metric, n));
      CHECK_AT(ExactQuery(metric, bad.data(), n, isa).distance(q.data()) == infinity,
               at(isa, metric, n));
      bad[random() % n] = infinity;
      bad[random() % n] = -infinity;
      CHECK_AT(!std::isnan(ExactQuery(metric, q.data(), n, isa).distance(bad.data())),
               at(isa, metric, n));
    });
  }
}

// Finite values whose products leave the range of float, in both directions.
void overflowing_products() {
  const float infinity = std::numeric_limits<float>::infinity();
  for (size_t n = 2; n < 200; ++n) {
    std::vector<float> q(n, 1e30f), v(n, 1e30f);
    for (size_t i = 0; i < n; i += 2) v[i] = -1e30f;
    for_every_kernel([&](Isa isa, uint32_t metric) {
      const float distance = ExactQuery(metric, q.data(), n, isa).distance(v.data());
      if (metric == ANNULUS_METRIC_DOT) {
        CHECK_AT(distance == (n % 2 == 0 ? 0 : infinity), at(isa, metric, n));
      } else if (metric == ANNULUS_METRIC_EUCLIDEAN) {
        CHECK_AT(distance == infinity, at(isa, metric, n));
      } else {
        CHECK_AT(std::isfinite(distance), at(isa, metric, n));
      }
    });
  }
}

// Cosine does not depend on length, however small or large it is.
void cosine_of_any_length(std::mt19937 &random) {
  std::normal_distribution<float> normal;
  for (const size_t n : {1, 5, 16, 100, 768}) {
    std::vector<float> q(n), v(n), scaled_q(n), scaled_v(n);
    for (float &x : q) x = normal(random);
    for (float &x : v) x = normal(random);
    for (const float by_q : {1e-30f, 1.0f, 1e30f}) {
      for (const float by_v : {1e-30f, 3e-22f, 1e-18f, 1.0f, 1e18f, 1e30f}) {
        for (size_t i = 0; i < n; ++i) {
          scaled_q[i] = q[i] * by_q;
          scaled_v[i] = v[i] * by_v;
        }
        const Reference expected = reference(0, scaled_q.data(), scaled_v.data(), n);
        for_every_kernel([&](Isa isa, uint32_t metric) {
          if (metric != ANNULUS_METRIC_COSINE) return;
          const float cosine =
              ExactQuery(metric, scaled_q.data(), n, isa).distance(scaled_v.data());
          CHECK_AT(std::fabs(cosine - expected.distance) <= expected.tolerance, at(isa, 0, n));
          CHECK_AT(cosine >= -1 && cosine <= 1, at(isa, 0, n));
        });
      }
    }
    const std::vector<float> zero(n, 0.0f), negative_zero(n, -0.0f), tiny(n, 1e-45f);
    for_every_kernel([&](Isa isa, uint32_t metric) {
      if (metric != ANNULUS_METRIC_COSINE) return;
      CHECK(ExactQuery(0, q.data(), n, isa).distance(zero.data()) == 0);
      CHECK(ExactQuery(0, negative_zero.data(), n, isa).distance(q.data()) == 0);
      CHECK(ExactQuery(0, tiny.data(), n, isa).distance(tiny.data()) == -1);
      CHECK(ExactQuery(0, q.data(), n, isa).distance(q.data()) <= -1 + 1e-6f);
    });
  }
}

void many_vectors(std::mt19937 &random) {
  std::normal_distribution<float> normal;
  const size_t n = 100, count = 37;
  std::vector<float> q(n), v(n * count), out(count);
  for (float &x : q) x = normal(random);
  for (float &x : v) x = normal(random);
  for (uint32_t metric = 0; metric <= ANNULUS_METRIC_MANHATTAN; ++metric) {
    distances(q.data(), v.data(), count, n, metric, out.data());
    const ExactQuery exact(metric, q.data(), n);
    for (size_t i = 0; i < count; ++i) CHECK(out[i] == exact.distance(v.data() + i * n));
  }
  CHECK(std::fabs(dot_f32(q.data(), v.data(), n) + reference(1, q.data(), v.data(), n).distance) <
        1e-4);
  CHECK(std::fabs(norm2_f32(q.data(), n) + reference(1, q.data(), q.data(), n).distance) < 1e-4);
}

void faulty_vectors() {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (size_t n = 1; n < 40; ++n) {
    std::vector<float> v(3 * n, 1e-45f);
    CHECK(find_faulty_vector(v.data(), 3, n, false).fault == VectorFault::none);
    for (size_t i = 0; i < 3 * n; ++i) {
      for (const float bad : {nan, -nan, infinity, -infinity}) {
        v[i] = bad;
        const FaultyVector found = find_faulty_vector(v.data(), 3, n, true);
        CHECK(found.fault == (std::isnan(bad) ? VectorFault::nan : VectorFault::infinity));
        CHECK(found.index == i / n && found.component == i % n);
        v[i] = std::numeric_limits<float>::max();
      }
    }
    for (size_t i = n; i < 2 * n; ++i) v[i] = i % 2 == 0 ? 0.0f : -0.0f;
    const FaultyVector found = find_faulty_vector(v.data(), 3, n, false);
    CHECK(found.fault == VectorFault::zero && found.index == 1 && found.component == 0);
    CHECK(find_faulty_vector(v.data(), 3, n, true).fault == VectorFault::none);
  }
  CHECK(find_faulty_vector(nullptr, 0, 8, false).fault == VectorFault::none);
}

}  // namespace

int main() {
  std::mt19937 random(20240607);
  lengths_and_alignments(random);
  every_component_counts();
  special_values(random);
  overflowing_products();
  cosine_of_any_length(random);
  many_vectors(random);
  faulty_vectors();
  for (const Isa isa : all_isas) {
    if (!isa_supported(isa)) std::printf("not on this machine: %s\n", isa_name(isa));
  }
  return check::finish("distance");
}
