// Whether reads of the ring go past the page cache, where the file system would let them.
//
// Through the cache is better when most vectors will be found there the next time, past it when
// they would only push each other out. Memory says at first which it will be; then what searches
// find says how it is.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

namespace annulus::uring {

class DirectPolicy {
 public:
  /// `fixed`: nothing that is observed changes it.
  DirectPolicy(bool past_cache, bool fixed) : fixed_(fixed), past_cache_(past_cache) {}

  bool past_cache() const { return past_cache_.load(std::memory_order_relaxed); }

  /// What the free memory lets one expect, when that has changed. Any thread.
  void expect(bool past_cache);

  /// A search wanted `tries` of `slots` stored vectors, of which the page cache held `hits`. Any
  /// thread.
  void note(uint64_t hits, uint64_t tries, uint64_t slots);

 private:
  void judge(uint64_t slots);
  void become(bool past_cache);

  const bool fixed_;
  std::atomic<bool> past_cache_;
  std::atomic<uint64_t> hits_{0}, tries_{0};  // of the current window
  std::mutex judging_;
  uint64_t windows_ = 0;  // since the last change
};

}  // namespace annulus::uring
