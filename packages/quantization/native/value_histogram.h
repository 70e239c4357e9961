// Exact order statistics of many floats in two passes over them, without sorting or copying.
//
// Floats are mapped to 32-bit keys that sort like them. The first pass counts the upper halves of
// the keys, which tells the bucket each wanted rank falls into; the second counts the lower halves
// within those buckets.
#pragma once

#include <annulus/aligned.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace annulus {

inline uint32_t sort_key(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

inline float value_of_key(uint32_t key) {
  const uint32_t bits = (key & 0x80000000u) != 0 ? key & 0x7fffffffu : ~key;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

class ValueHistogram {
 public:
  static constexpr size_t buckets = size_t{1} << 16;

  /// Each lane counts on its own; lanes may run at once.
  explicit ValueHistogram(size_t lanes) : upper_(lanes), lower_(lanes) {
    for (auto &counts : upper_) counts.resize(buckets);
  }

  void count_upper(size_t lane, float value) { ++upper_[lane][sort_key(value) >> 16]; }

  /// Between the passes: which ranks (0 is the smallest value) are wanted.
  void want(const std::vector<uint64_t> &ranks) {
    merge(upper_);
    index_.assign(buckets, 0);
    wanted_.clear();
    size_t refined = 0;
    for (const uint64_t rank : ranks) {
      uint64_t before = 0;
      uint32_t bucket = 0;
      while (bucket + 1 < buckets && before + upper_[0][bucket] <= rank) {
        before += upper_[0][bucket++];
      }
      if (index_[bucket] == 0) index_[bucket] = static_cast<uint8_t>(++refined);
      wanted_.push_back({bucket, rank - before});
    }
    for (auto &counts : lower_) counts.assign(refined * buckets, 0);
  }

  void count_lower(size_t lane, float value) {
    const uint32_t key = sort_key(value);
    const size_t refined = index_[key >> 16];
    if (refined != 0) ++lower_[lane][(refined - 1) * buckets + (key & 0xffffu)];
  }

  /// After the second pass: the values at the wanted ranks, in the order they were asked for.
  std::vector<float> values() {
    merge(lower_);
    std::vector<float> found;
    for (const Wanted &wanted : wanted_) {
      const uint64_t *counts = &lower_[0][(index_[wanted.bucket] - size_t{1}) * buckets];
      uint64_t before = 0;
      uint32_t low = 0;
      // The bound is for a sample that its owner changed between the passes.
      while (low + 1 < buckets && before + counts[low] <= wanted.rank) before += counts[low++];
      found.push_back(value_of_key(wanted.bucket << 16 | low));
    }
    return found;
  }

 private:
  struct Wanted {
    uint32_t bucket;
    uint64_t rank;  // within the bucket
  };

  using Counts = AlignedVector<uint64_t>;

  static void merge(std::vector<Counts> &lanes) {
    for (size_t lane = 1; lane < lanes.size(); ++lane) {
      for (size_t i = 0; i < lanes[0].size(); ++i) lanes[0][i] += lanes[lane][i];
    }
  }

  std::vector<Counts> upper_;
  std::vector<Counts> lower_;
  std::vector<uint8_t> index_;  // of an upper half: 1 + its place among the refined, 0 if not
  std::vector<Wanted> wanted_;
};

}  // namespace annulus
