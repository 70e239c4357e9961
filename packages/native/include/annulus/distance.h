// Exact float32 distances, the same bits on every storage backend.
//
// The one subtle rule: the result depends on the values and the Isa only, never on alignment, batch
// or position, because one kernel per Isa sums in one fixed order. Different Isas may differ in the
// last bits.
#ifndef ANNULUS_DISTANCE_H
#define ANNULUS_DISTANCE_H

#include <annulus/abi.h>
#include <annulus/cpu.h>
#include <annulus/kernels/float_avx2.h>
#include <annulus/kernels/float_avx512.h>
#include <annulus/kernels/float_neon.h>
#include <annulus/kernels/float_scalar.h>

#include <cmath>
#include <limits>

namespace annulus {

/// The kernels of one Isa. `a`, `b` hold n floats at any 4-byte alignment and may be the same.
struct FloatKernels {
  float (*dot)(const float *a, const float *b, size_t n);
  DotNorm (*dot_norm)(const float *q, const float *v, size_t n);
  float (*squared_euclidean)(const float *a, const float *b, size_t n);
  float (*manhattan)(const float *a, const float *b, size_t n);
};

/// Kernels of the best supported level at or below `isa`.
inline FloatKernels float_kernels(Isa isa = active_isa()) {
#if defined(ANNULUS_X86)
  if (isa >= Isa::avx512) {
    return {avx512::dot, avx512::dot_norm, avx512::squared_euclidean, avx512::manhattan};
  }
  if (isa == Isa::avx2)
    return {avx2::dot, avx2::dot_norm, avx2::squared_euclidean, avx2::manhattan};
#elif defined(ANNULUS_ARM64)
  if (isa != Isa::scalar) {
    return {neon::dot, neon::dot_norm, neon::squared_euclidean, neon::manhattan};
  }
#endif
  (void)isa;
  return {scalar::dot, scalar::dot_norm, scalar::squared_euclidean, scalar::manhattan};
}

/// dot(a, b) with the active kernels; for many calls keep `float_kernels()` instead.
inline float dot_f32(const float *a, const float *b, size_t n) {
  return float_kernels().dot(a, b, n);
}

/// |a|² with the active kernels.
inline float norm2_f32(const float *a, size_t n) { return float_kernels().dot(a, a, n); }

/// One query against many vectors: the ranking distance of abi.h (smaller is nearer).
///
/// cosine is -dot(q, v) / (|q| |v|) over the vectors as they are, within [-1, 1], and 0 when either
/// norm is 0; it stays accurate where squares leave the range of float (below 1e-14 or above 1e14
/// it is summed in double). dot and euclidean overflow to infinity as float does. Never NaN, which
/// would break every sort: vectors with NaN, and differences of infinities, are infinitely far. The
/// query is borrowed: it must outlive this object and keep its values; aligned to 64 bytes it is
/// read a little faster. Copies are cheap; any thread may use one.
class ExactQuery {
 public:
  /// @param metric ANNULUS_METRIC_*; an unknown number is taken as cosine (the wraps reject it
  /// before).
  /// @param n components of the query and of every vector.
  /// @param isa level to use; tests only, must be supported.
  ExactQuery(uint32_t metric, const float *query, size_t n, Isa isa = active_isa())
      : kernels_(float_kernels(isa)), query_(query), n_(n) {
    switch (metric) {
      case ANNULUS_METRIC_DOT:
        distance_ = &ExactQuery::dot;
        break;
      case ANNULUS_METRIC_EUCLIDEAN:
        distance_ = &ExactQuery::euclidean;
        break;
      case ANNULUS_METRIC_MANHATTAN:
        distance_ = &ExactQuery::manhattan;
        break;
      default:
        norm_ = std::sqrt(scalar::dot_f64(query, query, n));
        distance_ = norm_ > 1e-14 && norm_ < 1e14 ? &ExactQuery::cosine : &ExactQuery::cosine_wide;
    }
  }

  /// Distance to a vector of n floats at any 4-byte alignment.
  float distance(const float *vector) const {
    const float distance = distance_(*this, vector);
    return std::isnan(distance) ? std::numeric_limits<float>::infinity() : distance;
  }

  size_t dimension() const { return n_; }

 private:
  // Sums of finite products that overflow both ways would be NaN; double has room for them.
  static float dot(const ExactQuery &q, const float *v) {
    const float dot = q.kernels_.dot(q.query_, v, q.n_);
    if (!std::isfinite(dot)) return static_cast<float>(-scalar::dot_f64(q.query_, v, q.n_));
    return -dot;
  }
  static float euclidean(const ExactQuery &q, const float *v) {
    return q.kernels_.squared_euclidean(q.query_, v, q.n_);
  }
  static float manhattan(const ExactQuery &q, const float *v) {
    return q.kernels_.manhattan(q.query_, v, q.n_);
  }

  static float cosine(const ExactQuery &q, const float *v) {
    const DotNorm sums = q.kernels_.dot_norm(q.query_, v, q.n_);
    if (!(sums.norm2 > 1e-28f && sums.norm2 < 1e28f)) return cosine_wide(q, v);
    return negative_cosine(sums.dot, q.norm_, std::sqrt(static_cast<double>(sums.norm2)));
  }

  // Zero, tiny, huge and not-a-number vectors; rare, so plain double sums do.
  static float cosine_wide(const ExactQuery &q, const float *v) {
    const double norm = std::sqrt(scalar::dot_f64(v, v, q.n_));
    if (norm == 0 || q.norm_ == 0) return 0;
    return negative_cosine(scalar::dot_f64(q.query_, v, q.n_), q.norm_, norm);
  }

  static float negative_cosine(double dot, double query_norm, double norm) {
    const double cosine = dot / (query_norm * norm);
    if (cosine > 1) return -1.0f;
    if (cosine < -1) return 1.0f;
    return static_cast<float>(-cosine);
  }

  FloatKernels kernels_;
  const float *query_;
  size_t n_;
  double norm_ = 0;
  float (*distance_)(const ExactQuery &, const float *) = nullptr;
};

}  // namespace annulus

#endif
