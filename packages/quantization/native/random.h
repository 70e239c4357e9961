// Random numbers that are the same on every platform and for every number of threads.
#pragma once

#include <cstdint>

namespace annulus {

/// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
class Random {
 public:
  /// Streams of one seed are independent.
  Random(uint64_t seed, uint64_t stream) : state_(seed) {
    state_ = next() ^ (stream * 0x9e3779b97f4a7c15u);
  }

  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// In [0, 1).
  double share() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  /// In [0, n), n > 0.
  uint64_t below(uint64_t n) { return static_cast<uint64_t>(share() * static_cast<double>(n)); }

 private:
  uint64_t state_;
};

}  // namespace annulus
