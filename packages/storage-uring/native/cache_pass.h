// Scores what the page cache holds on the caller's thread, so that only the rest goes to the ring.
//
// A read that may not wait (preadv2 with RWF_NOWAIT) either brings the whole vector or nothing, and
// costs less than the way to the ring thread and back. Where the cache seldom holds anything, only
// now and then a request tries.
#pragma once

#include <annulus/abi.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "segment_table.h"

namespace annulus::uring {

class CachePass {
 public:
  explicit CachePass(const SegmentTable &segments) : segments_(segments) {}

  /// Whether the next request should try: always while hits are common, else one in 16.
  bool worthwhile();
  /// Writes the distances of cached slots to `request.out` and the indexes of all others to
  /// `missed`. Slots must be in range. Any thread; blocks for no disk.
  void score(const annulus_score_request &request, std::vector<uint32_t> &missed);

  uint64_t hits() const { return hits_.load(std::memory_order_relaxed); }

 private:
  bool read(uint32_t slot, char *vector);
  void note(size_t hits, size_t tries);

  const SegmentTable &segments_;
  std::atomic<bool> supported_{true};
  std::atomic<uint32_t> hit_share_{256};  // of the last requests, in 1/256
  std::atomic<uint32_t> turn_{0};
  std::atomic<uint64_t> hits_{0};
};

}  // namespace annulus::uring
