// A random orthogonal rotation of any dimension, made from a seed.
//
// From 64 components on: stages of a random permutation with random signs and a fast Hadamard
// transform of the last 2^k components, 2^k the largest power of two that fits, so nothing is
// padded. Every second permutation brings all that the stage before left out into the transform.
// Three stages where nothing is left out, else five. (Two transforms that overlap without a
// permutation between them would nearly undo each other where they overlap most.) Below 64
// components that has too few outcomes to count as random: there a walk of random plane rotations
// (Kac) makes a dense matrix.
//
// The one subtle rule: only additions, multiplications and square roots in a fixed order, so that a
// seed means the same rotation, to the last bit, on every machine.
#pragma once

#include <annulus/cpu.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace annulus {

/// Numbers from a seed: SplitMix64 (Steele, Lea and Flood, 2014).
class SeededRandom {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// Below `range`, which is far below 2^32.
  uint32_t below(uint32_t range) {
    return static_cast<uint32_t>(((next() >> 32) * static_cast<uint64_t>(range)) >> 32);
  }
  /// In [-1, 1).
  double symmetric() { return static_cast<double>(next() >> 11) * 0x1p-52 - 1; }

 private:
  uint64_t state_;
};

class Rotation {
 public:
  Rotation(uint32_t dimension, uint64_t seed, Isa isa = active_isa());

  /// out = R in. `scratch` has room for the dimension; none of the three overlap.
  void apply(const float *in, float *scratch, float *out) const;
  /// out = transposed R in, which undoes `apply`.
  void invert(const float *in, float *scratch, float *out) const;

 private:
  static constexpr uint32_t dense_below = 64;

  struct Stage {
    std::vector<uint32_t> source;
    std::vector<float> sign;
  };

  void make_dense(uint64_t seed);
  void make_stages(uint64_t seed);

  size_t dimension_;
  size_t block_ = 0;  // 2^k of the transforms
  float scale_ = 1;   // what keeps them orthogonal
  void (*hadamard_)(float *values, size_t n, float scale) = nullptr;
  std::vector<float> matrix_;  // row by row, where dense
  std::vector<Stage> stages_;  // an odd number, so that the last ends in `out`
};

}  // namespace annulus
