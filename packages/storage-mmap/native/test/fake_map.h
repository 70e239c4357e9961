// A fake under the reader: segments in plain memory, and mapping operations that fail, wait and
// pretend to be cold as told. It also judges: bytes outside the segments fail the test.
#pragma once

#include <annulus/crc32c.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <annulus/map_ops.h>
#include "../segment_table.h"
#include "check.h"

namespace annulus_test {

using annulus::MapLayout;

/// Segments with their checksums, filled with random floats. All memory exists from the start.
class FakeFiles {
 public:
  FakeFiles(const MapLayout &layout, uint32_t segments, uint32_t seed) : layout(layout) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> component(-1, 1);
    for (uint32_t segment = 0; segment < segments; ++segment) {
      bytes_.emplace_back(layout.segment_bytes, uint8_t{0xee});
      checksums_.emplace_back(layout.slots_per_segment, 0u);
      for (uint32_t row = 0; row < layout.slots_per_segment; ++row) {
        std::vector<float> vector(layout.dimension);
        for (float &value : vector) value = component(random);
        const uint32_t slot = segment * layout.slots_per_segment + row;
        std::memcpy(at(slot), vector.data(), layout.vector_bytes());
        checksums_[segment][row] = annulus::crc32c(slot, at(slot), layout.vector_bytes());
      }
    }
  }

  uint8_t *at(uint32_t slot) {
    const uint32_t row = slot % layout.slots_per_segment;
    return bytes_[slot / layout.slots_per_segment].data() + layout.header_bytes +
           row * layout.stride;
  }
  const float *vector(uint32_t slot) { return reinterpret_cast<const float *>(at(slot)); }
  const uint8_t *segment(uint32_t number) const { return bytes_[number].data(); }
  const uint32_t *checksums(uint32_t number) const { return checksums_[number].data(); }
  uint32_t slots() const { return static_cast<uint32_t>(bytes_.size()) * layout.slots_per_segment; }

  /// Whether the bytes are exactly one stored vector, as the reader must always ask.
  bool is_vector(const uint8_t *bytes, size_t size) const {
    for (const auto &segment : bytes_) {
      const uint8_t *first = segment.data() + layout.header_bytes;
      if (bytes < first || bytes >= segment.data() + segment.size()) continue;
      const auto offset = static_cast<uint64_t>(bytes - first);
      return size == layout.vector_bytes() && offset % layout.stride == 0 &&
             offset / layout.stride < layout.slots_per_segment;
    }
    return false;
  }

  const MapLayout layout;

 private:
  std::vector<std::vector<uint8_t>> bytes_;
  std::vector<std::vector<uint32_t>> checksums_;
};

/// What the test sees and steers; shared with the operations, which the reader owns.
struct FakeControl {
  std::set<const uint8_t *> failing;  // fixed before reads begin
  std::set<const uint8_t *> missing;  // under `mutex`: not in memory
  std::vector<const uint8_t *> prefetched;
  std::mutex mutex;
  std::condition_variable changed;
  bool gate_closed = false;
  uint32_t inside = 0;  // threads in `guarded`
  uint32_t inside_max = 0;
  std::atomic<uint64_t> clock{1};
  std::atomic<uint64_t> delay{0};  // of every read, though nothing is missing
  std::atomic<uint64_t> visits{0};
  std::atomic<uint64_t> own_visits{0};  // by the thread that made this
  const std::thread::id own = std::this_thread::get_id();
  uint32_t mapped = 0;                // segments, by the owner's thread
  std::atomic<uint32_t> unmapped{0};  // segments, in order

  void close_gate() {
    std::lock_guard<std::mutex> lock(mutex);
    gate_closed = true;
  }
  void open_gate() {
    std::lock_guard<std::mutex> lock(mutex);
    gate_closed = false;
    changed.notify_all();
  }
  void wait_inside(uint32_t threads) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return inside >= threads; });
  }
};

class FakeMapOps final : public annulus::MapOps {
 public:
  static constexpr uint64_t kFaultNs = 2'000'000;

  FakeMapOps(FakeFiles &files, FakeControl &control) : files_(files), control_(control) {}

  bool resident(const uint8_t *bytes, size_t size) override {
    CHECK(files_.is_vector(bytes, size));
    std::lock_guard<std::mutex> lock(control_.mutex);
    return control_.missing.count(bytes) == 0;
  }

  void prefetch(const uint8_t *bytes, size_t size) override {
    CHECK(files_.is_vector(bytes, size));
    std::lock_guard<std::mutex> lock(control_.mutex);
    control_.prefetched.push_back(bytes);
    control_.missing.erase(bytes);
  }

  /// Descriptors of the fake are segment numbers.
  const uint8_t *map(int fd, size_t size) override {
    return fd < 0 ? nullptr : duplicate(files_.segment(static_cast<uint32_t>(fd)), size);
  }

  const uint8_t *duplicate(const uint8_t *mapping, size_t size) override {
    CHECK(size == files_.layout.segment_bytes);
    ++control_.mapped;
    return mapping;
  }

  void unmap(const uint8_t *mapping, size_t size) override {
    CHECK(mapping == files_.segment(control_.unmapped++) && size == files_.layout.segment_bytes);
    std::lock_guard<std::mutex> lock(control_.mutex);
    CHECK(control_.inside == 0);
  }

  int guarded(const uint8_t *bytes, size_t size, void (*body)(void *), void *ctx) override {
    CHECK(files_.is_vector(bytes, size));
    enter(bytes);
    const bool fails = control_.failing.count(bytes) > 0;
    if (!fails) body(ctx);
    ++control_.visits;
    if (std::this_thread::get_id() == control_.own) ++control_.own_visits;
    std::lock_guard<std::mutex> lock(control_.mutex);
    --control_.inside;
    return fails ? EIO : 0;
  }

  bool faulted() override { return std::exchange(thread_faulted(), false); }

  uint64_t now_ns() override { return control_.clock.fetch_add(1000); }

 private:
  void enter(const uint8_t *bytes) {
    std::unique_lock<std::mutex> lock(control_.mutex);
    if (++control_.inside > control_.inside_max) control_.inside_max = control_.inside;
    control_.changed.notify_all();
    control_.changed.wait(lock, [this] { return !control_.gate_closed; });
    control_.clock += control_.delay;
    if (control_.missing.erase(bytes) == 0) return;
    control_.clock += kFaultNs;
    thread_faulted() = true;
  }

  static bool &thread_faulted() {
    static thread_local bool faulted = false;
    return faulted;
  }

  FakeFiles &files_;
  FakeControl &control_;
};

}  // namespace annulus_test
