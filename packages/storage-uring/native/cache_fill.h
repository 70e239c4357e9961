// Whether vectors that the page cache does not hold are brought there, and how fast.
//
// Reads of the ring go past the cache, which serves a miss sooner but leaves it one. What fills the
// cache is readahead around misses, as long as the vectors can be expected to stay. The subtle rule
// is its pace: searches pay for it with what they ask for themselves, so that it ends with them and
// never takes more of the disk than they do, and a quarter of that where the disk is busy.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

namespace annulus::uring {

class CacheFill {
 public:
  /// Bytes read ahead at once: what the kernel takes in one request on any file system.
  static constexpr uint64_t kChunkBytes = 128 << 10;

  /// `fixed`: nothing that is observed changes it. `in_flight` counts reads of the ring.
  CacheFill(bool on, bool fixed, uint64_t vector_bytes, const std::atomic<uint64_t> &in_flight)
      : fixed_(fixed), vector_bytes_(vector_bytes), in_flight_(in_flight), on_(on) {}

  bool on() const { return on_.load(std::memory_order_relaxed); }

  /// Whether the vectors fit into the memory that is free, when that has changed. Any thread.
  void expect(bool fit);

  /// A search wanted `tries` of `slots` stored vectors, of which the page cache held `hits`. Any
  /// thread.
  void note(uint64_t hits, uint64_t tries, uint64_t slots);

  /// Whether a chunk may be read ahead now; it is taken as read. Any thread.
  bool take();

  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  void earn(uint64_t bytes);
  void judge(uint64_t slots);
  void become(bool on);

  const bool fixed_;
  const uint64_t vector_bytes_;
  const std::atomic<uint64_t> &in_flight_;
  std::atomic<bool> on_;
  std::atomic<uint64_t> hits_{0}, tries_{0};  // of the current window
  std::atomic<uint64_t> earned_{0};           // bytes that may be read ahead
  std::atomic<uint64_t> bytes_{0};            // read ahead so far
  std::mutex judging_;
  uint64_t windows_ = 0;  // since the last change
};

}  // namespace annulus::uring
