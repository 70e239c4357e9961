// Scores what is in memory on the caller's thread, so that only the rest goes to the ring.
//
// Two places are looked at: the hot vectors of this process, and the page cache, through a mapping
// of the segments. There the subtle part is not to wait for a disk. As long as everything has been
// resident a vector is simply touched, with an eye on the clock; once something was not, mincore
// is asked first, which costs more than scoring does. Where next to nothing is resident only a few
// requests look. Around what is missing the kernel is asked to read ahead, where that fills the
// cache.
#pragma once

#include <annulus/abi.h>
#include <annulus/distance.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "cache_fill.h"
#include "hot_vectors.h"
#include "rewrites.h"
#include "segment_table.h"

namespace annulus::uring {

class CachePass {
 public:
  /// `maps` is nullptr where nothing is mapped.
  CachePass(const SegmentTable &segments, MapOps *maps, HotVectors &hot, CacheFill &fill,
            const Rewrites &rewrites)
      : segments_(segments), maps_(maps), hot_(hot), fill_(fill), rewrites_(rewrites) {}

  /// Writes the distances of slots in memory to `request.out` and the indexes of all others to
  /// `missed`. Slots must be below `stored`. Any thread but the event loop's, and not once the
  /// segments are closed. False: nothing was tried. Throws std::bad_alloc.
  bool score(const annulus_score_request &request, uint64_t stored, std::vector<uint32_t> &missed);

  uint64_t cache_hits() const { return cache_hits_.load(std::memory_order_relaxed); }
  uint64_t hot_hits() const { return hot_hits_.load(std::memory_order_relaxed); }

 private:
  struct Look;
  bool worth_looking();
  void score_all(const annulus_score_request &request, Look &look, std::vector<uint32_t> &missed);
  void prefetch_lines(uint32_t slot) const;
  bool score_hot(uint32_t slot, const ExactQuery &exact, float *out);
  bool score_mapped(uint32_t slot, const ExactQuery &exact, float *out, Look &look);
  void watch_clock(Look &look);
  void read_ahead(const annulus_score_request &request, uint64_t stored,
                  const std::vector<uint32_t> &missed);
  void conclude(const Look &look, uint64_t wanted, uint64_t stored);

  const SegmentTable &segments_;
  MapOps *const maps_;
  HotVectors &hot_;
  CacheFill &fill_;
  const Rewrites &rewrites_;
  std::atomic<uint32_t> doubt_{0};         // requests that will still ask before they touch
  std::atomic<uint32_t> hit_share_{1024};  // of the last requests, in 1/1024
  std::atomic<uint32_t> turn_{0};
  std::atomic<uint64_t> cache_hits_{0}, hot_hits_{0};
};

}  // namespace annulus::uring
