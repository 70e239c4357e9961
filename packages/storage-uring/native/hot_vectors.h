// A bounded cache of vectors that were read past the page cache, in this process's memory.
//
// Sets of eight places; a slot has one set. Of those the first in turn gives way that was not asked
// for since the hand last passed (CLOCK; F. J. Corbató, 1968). The subtle rule is that of
// rewriting: a vector is kept only if no write began since its read did, and a write drops what it
// covers after it has said so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "rewrites.h"

namespace annulus::uring {

class HotVectors {
 public:
  /// About `bytes` of vectors of `dimension` floats; 0 keeps none. Throws std::bad_alloc.
  HotVectors(uint64_t bytes, uint32_t dimension, const Rewrites &rewrites);
  ~HotVectors();
  HotVectors(const HotVectors &) = delete;
  HotVectors &operator=(const HotVectors &) = delete;

  bool enabled() const { return sets_ > 0; }
  /// Calls `visit(vector)` if the slot is here. Any thread; `visit` must be short.
  template <typename Visit>
  bool find(uint32_t slot, Visit visit) {
    const uint64_t set = set_of(slot);
    std::lock_guard<std::mutex> lock(lock_of(set));
    for (uint64_t place = set * kWays; place < (set + 1) * kWays; ++place) {
      if (tags_[place].slot != slot || !tags_[place].used) continue;
      tags_[place].wanted = true;
      visit(vectors_ + place * dimension_);
      return true;
    }
    return false;
  }
  /// Keeps a verified vector whose read began when `Rewrites::count` was `rewrites`.
  void keep(uint32_t slot, const float *vector, uint64_t rewrites);
  /// These slots get new vectors; after `Rewrites::begin` said so.
  void drop(const uint32_t *slots, size_t n);
  uint64_t capacity() const { return sets_ * kWays; }

 private:
  static constexpr uint64_t kWays = 8;
  static constexpr uint64_t kLocks = 64;
  struct Tag {
    uint32_t slot = 0;
    bool used = false;
    bool wanted = false;
  };

  uint64_t set_of(uint32_t slot) const { return (slot * 0x9e3779b97f4a7c15ull >> 32) % sets_; }
  std::mutex &lock_of(uint64_t set) { return locks_[set % kLocks]; }
  uint64_t place_for(uint32_t slot, uint64_t set);

  const uint32_t dimension_;
  const Rewrites &rewrites_;
  const uint64_t sets_;
  std::vector<Tag> tags_;
  std::vector<uint8_t> hands_;
  float *vectors_ = nullptr;
  std::unique_ptr<std::mutex[]> locks_;
};

}  // namespace annulus::uring
