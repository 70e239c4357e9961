// Sketches of codes: a cache line each, which tells a scan of many codes which of them are too far
// away to be looked at. Nearly all of what a filter lets through is.
//
// A code's vector x, seen from a centre c, is rotated at random and keeps the signs s of the first
// components, as many as a line has bits for; s is 0 for the others. After RaBitQ (Gao and Long,
// SIGMOD 2024), <q, x - c> is estimated by <q, s> |x - c|^2 / <x - c, s> without bias, and the
// error is that of one component of a random unit vector: as good as normal, with a known
// deviation. A code is passed over when it is farther than the limit by four of them.
//
// Sketches are made as scans come by: each makes a few for every batch it scores, so that nobody
// who does not scan pays for them, in time or memory. Nothing of them is saved.
//
// The one subtle rule: whoever encodes a slot anew calls `forget` after the row is written. A
// sketch is taken over only if the slot was not forgotten since before its row was read.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "kernels/sign_kernels.h"
#include "rotation.h"

namespace annulus {

class Codes;

class Sketches {
 public:
  /// What a sketch is longer than its signs.
  static constexpr size_t head_bytes = 16;
  /// What reading memory costs is lines. Twice as long, sketches let a third as many codes pass,
  /// but take longer to read than what passes.
  static constexpr size_t most_bytes = 64;
  /// How many components have a sign in a sketch.
  static size_t signs_of(size_t dimension) {
    return std::min(dimension, 8 * (most_bytes - head_bytes));
  }
  /// Deviations by which a code must be too far: one in 31,000 errs as much to that side.
  static constexpr float deviations = 4;
  /// Shorter rows cost more to compute than to read: there it does not pay.
  static constexpr size_t least_row_bytes = 512;

  explicit Sketches(const Codes &codes);
  ~Sketches();
  Sketches(const Sketches &) = delete;
  Sketches &operator=(const Sketches &) = delete;

  /// Whether sketches of such rows are worth having.
  static bool suit(uint32_t metric, size_t row_bytes);
  static size_t bytes_each(size_t dimension) {
    return head_bytes + sizeof(uint64_t) * sign_words(signs_of(dimension));
  }

  /// As in abi.h. Any thread.
  bool begin(const uint32_t *slots, size_t n);
  size_t query_bytes() const;
  bool prepare(const float *vector, void *query) const;
  size_t keep(const void *query, uint32_t *slots, size_t n, float limit, size_t &unknown);

  /// The rows of these slots have been written.
  void forget(uint64_t first_slot, uint64_t n);
  /// Memory in use: by sketches, not by what is mapped for later ones.
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  /// No more sketches are made once they take as much; 0 forbids them.
  void set_bytes_max(uint64_t bytes) { bytes_max_.store(bytes, std::memory_order_relaxed); }

 private:
  struct Model;
  struct Head;
  struct Query;
  struct Run;

  Head *head_of(uint32_t slot) const;
  Head *place_for(uint32_t slot);
  bool make(const Model &model, uint32_t slot, float *room);

  const Codes &codes_;
  const SignKernels kernels_;
  const size_t signs_;
  const size_t stride_;
  std::mutex mutex_;  // of growth
  std::unique_ptr<const Model> owned_;
  std::atomic<const Model *> model_{nullptr};  // once there is a directory
  uint8_t **chunks_ = nullptr;                 // a directory of zero pages until used
  size_t chunks_end_ = 0;
  uint64_t chunks_held_ = 0;
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> bytes_max_{UINT64_MAX};
};

}  // namespace annulus
