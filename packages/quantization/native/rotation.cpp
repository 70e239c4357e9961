#include "rotation.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "kernels/hadamard_near.h"

namespace annulus {

namespace {

#if defined(__GNUC__) || defined(__clang__)
#define ANNULUS_INLINE inline __attribute__((always_inline))
#else
#define ANNULUS_INLINE inline
#endif

// Plain loops, compiled once per instruction set; the compiler vectorizes them.
ANNULUS_INLINE void far_stages(float *values, size_t n, float scale) {
  for (size_t step = hadamard_near::lanes; step < n; step *= 2) {
    for (size_t i = 0; i < n; i += 2 * step) {
      float *__restrict low = values + i;
      float *__restrict high = low + step;
      for (size_t k = 0; k < step; ++k) {
        const float a = low[k];
        const float b = high[k];
        low[k] = a + b;
        high[k] = a - b;
      }
    }
  }
  for (size_t i = 0; i < n; ++i) values[i] *= scale;
}

// n >= 16.
void hadamard_baseline(float *values, size_t n, float scale) {
  hadamard_near::scalar(values, n);
  far_stages(values, n, scale);
}
#if defined(ANNULUS_X86)
ANNULUS_AVX2 void hadamard_avx2(float *values, size_t n, float scale) {
  hadamard_near::avx2(values, n);
  far_stages(values, n, scale);
}
ANNULUS_AVX512 void hadamard_avx512(float *values, size_t n, float scale) {
  hadamard_near::avx512(values, n);
  far_stages(values, n, scale);
}
#endif

// Four at a time, so that they are stored together: stores bound the plain loop.
void permute(const uint32_t *source, const float *sign, const float *from, size_t n,
             float *__restrict to) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const float four[4] = {from[source[i]], from[source[i + 1]], from[source[i + 2]],
                           from[source[i + 3]]};
    for (size_t k = 0; k < 4; ++k) to[i + k] = sign[i + k] * four[k];
  }
  for (; i < n; ++i) to[i] = sign[i] * from[source[i]];
}

using Hadamard = void (*)(float *, size_t, float);

Hadamard hadamard_of(Isa isa) {
#if defined(ANNULUS_X86)
  const Isa best = best_isa(isa);
  if (best >= Isa::avx512) return hadamard_avx512;
  if (best == Isa::avx2) return hadamard_avx2;
#else
  (void)isa;
#endif
  return hadamard_baseline;
}

}  // namespace

Rotation::Rotation(uint32_t dimension, uint64_t seed, Isa isa)
    : dimension_(dimension), hadamard_(hadamard_of(isa)) {
  if (dimension < dense_below) {
    make_dense(seed);
  } else {
    make_stages(seed);
  }
}

// Random plane rotations of random pairs of rows come near a uniform rotation after about n log n
// of them; here are several times as many.
void Rotation::make_dense(uint64_t seed) {
  const size_t n = dimension_;
  SeededRandom random(seed);
  std::vector<double> matrix(n * n, 0.0);
  for (size_t i = 0; i < n; ++i) matrix[i * n + i] = (random.next() >> 63) != 0 ? -1 : 1;
  size_t bits = 1;
  while ((size_t{1} << bits) < n) ++bits;
  for (size_t left = n < 2 ? 0 : 8 * n * bits; left > 0; --left) {
    const uint32_t a = random.below(static_cast<uint32_t>(n));
    const uint32_t b = (a + 1 + random.below(static_cast<uint32_t>(n - 1))) % n;
    double x, y, square;
    do {
      x = random.symmetric();
      y = random.symmetric();
      square = x * x + y * y;
    } while (square > 1 || square < 1e-6);
    const double length = std::sqrt(square);
    const double cosine = x / length;
    const double sine = y / length;
    for (size_t k = 0; k < n; ++k) {
      const double p = matrix[a * n + k];
      const double q = matrix[b * n + k];
      matrix[a * n + k] = cosine * p - sine * q;
      matrix[b * n + k] = sine * p + cosine * q;
    }
  }
  matrix_.assign(matrix.begin(), matrix.end());
}

void Rotation::make_stages(uint64_t seed) {
  const size_t n = dimension_;
  block_ = 1;
  while (2 * block_ <= n) block_ *= 2;
  const size_t left_out = n - block_;
  scale_ = static_cast<float>(1 / std::sqrt(static_cast<double>(block_)));
  SeededRandom random(seed);
  stages_.resize(left_out == 0 ? 3 : 5);
  bool bring_in = false;
  for (Stage &stage : stages_) {
    std::vector<uint32_t> &source = stage.source;
    source.resize(n);
    for (size_t i = 0; i < n; ++i) source[i] = static_cast<uint32_t>(i);
    const auto shuffle_from = [&](size_t first) {
      for (size_t i = n - 1; i > first; --i) {
        const uint32_t other = random.below(static_cast<uint32_t>(i - first + 1));
        std::swap(source[i], source[first + other]);
      }
    };
    shuffle_from(bring_in ? left_out : 0);
    if (bring_in) {
      std::rotate(source.begin(), source.begin() + static_cast<ptrdiff_t>(left_out), source.end());
      shuffle_from(left_out);
    }
    bring_in = !bring_in;
    stage.sign.resize(n);
    for (float &sign : stage.sign) sign = (random.next() >> 63) != 0 ? -1.0f : 1.0f;
  }
}

void Rotation::apply(const float *in, float *scratch, float *out) const {
  const size_t n = dimension_;
  if (!matrix_.empty()) {
    for (size_t i = 0; i < n; ++i) {
      float sum = 0;
      for (size_t k = 0; k < n; ++k) sum += matrix_[i * n + k] * in[k];
      out[i] = sum;
    }
    return;
  }
  const float *from = in;
  float *to = out;
  for (const Stage &stage : stages_) {
    permute(stage.source.data(), stage.sign.data(), from, n, to);
    hadamard_(to + n - block_, block_, scale_);
    from = to;
    to = to == out ? scratch : out;
  }
}

void Rotation::invert(const float *in, float *scratch, float *out) const {
  const size_t n = dimension_;
  if (!matrix_.empty()) {
    for (size_t i = 0; i < n; ++i) {
      float sum = 0;
      for (size_t k = 0; k < n; ++k) sum += matrix_[k * n + i] * in[k];
      out[i] = sum;
    }
    return;
  }
  std::memcpy(scratch, in, n * sizeof(float));
  for (size_t s = stages_.size(); s-- > 0;) {
    const Stage &stage = stages_[s];
    hadamard_(scratch + n - block_, block_, scale_);
    for (size_t i = 0; i < n; ++i) out[stage.source[i]] = stage.sign[i] * scratch[i];
    if (s > 0) std::memcpy(scratch, out, n * sizeof(float));
  }
}

}  // namespace annulus
