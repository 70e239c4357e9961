// What shapes a graph, and the level of each node.
#pragma once

#include <algorithm>
#include <cstdint>

namespace annulus::hnsw {

constexpr uint32_t kNone = 0xffffffffu;
/// Slots are packed with a flag bit into beam entries, so the top bit is not theirs.
constexpr uint64_t kMaxSlots = 0x7fffffffu;
constexpr uint32_t kMaxLevel = 15;
constexpr uint32_t kMinM = 4;
constexpr uint32_t kMaxM = 128;
constexpr uint32_t kMaxEf = 65536;

struct Params {
  uint32_t m = 16;              // links a node chooses, and the bound on upper levels
  uint32_t ef_construct = 128;  // candidates to choose links from
  uint64_t seed = 0;

  /// How many of that beam are expanded while building. Neighbours are chosen from many candidates
  /// for the sake of directions, while the far ones lead to next to nothing that would be chosen:
  /// half of them, expanded, gives the same recall for 0.6 times the distances.
  uint32_t expanded() const { return std::max(ef_construct / 2, std::min(ef_construct, m0())); }

  /// Bound on links at level 0 (Malkov & Yashunin 2016, section 4.1).
  uint32_t m0() const { return 2 * m; }
  uint32_t capacity(uint32_t level) const { return level == 0 ? m0() : m; }
};

/// The level of a node: P(level >= l) = m^-l, which is the paper's floor(-ln(u) / ln(m)). It
/// depends on seed and slot alone, and on integers alone, so every machine and every order of
/// insertion agrees.
inline uint32_t level_of(const Params &params, uint32_t slot) {
  uint64_t x = params.seed + 0x9e3779b97f4a7c15ULL * (static_cast<uint64_t>(slot) + 1);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;  // splitmix64
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  x ^= x >> 31;
  uint32_t level = 0;
  for (uint64_t bound = ~0ULL / params.m; x < bound && level < kMaxLevel; bound /= params.m)
    ++level;
  return level;
}

}  // namespace annulus::hnsw
