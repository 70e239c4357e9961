// Mappings of the real files that are resident, wait and fail as a die says, and where damage told
// of to the fake kernel is damage, too.
#pragma once

#include <annulus/map_ops.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "stored_model.h"

namespace annulus::uring {

class FakeMaps final : public MapOps {
 public:
  FakeMaps(const Model &model, uint64_t seed) : model_(model), rolls_(seed) {}

  bool resident(const uint8_t *, size_t) override { return roll() % 4 != 0; }
  void prefetch(const uint8_t *bytes, size_t size) override {
    if (size == 0 || !is_stored(bytes, size)) {
      broken_rule("what is read ahead is no part of what a segment stores");
    }
    ++prefetched;
  }
  const uint8_t *map(int fd, size_t size) override {
    bases_.push_back(roll() % 8 == 0 ? nullptr : system_.map(fd, size));
    if (bases_.back() != nullptr) ++mapped;
    return bases_.back();
  }
  const uint8_t *duplicate(const uint8_t *, size_t) override { return nullptr; }
  void unmap(const uint8_t *mapping, size_t size) override {
    --mapped;
    system_.unmap(mapping, size);
  }
  int guarded(const uint8_t *bytes, size_t size, void (*body)(void *), void *ctx) override {
    for (const uint32_t slot : model_.bad) {
      const uint8_t *base = bases_[slot / model_.layout.slots_per_segment];
      if (base != nullptr && bytes == base + model_.offset(slot)) return EIO;
    }
    return system_.guarded(bytes, size, body, ctx);
  }
  uint64_t now_ns() override { return clock_.fetch_add(roll() % 8 == 0 ? 10'000'000 : 1000); }
  bool faulted() override { return roll() % 2 == 0; }

  int mapped = 0;
  std::atomic<uint64_t> prefetched{0};

 private:
  bool is_stored(const uint8_t *bytes, size_t size) const {
    const Layout &layout = model_.layout;
    for (uint64_t number = 0; number < bases_.size(); ++number) {
      const uint8_t *base = bases_[number];
      const uint64_t left = model_.slots - number * layout.slots_per_segment;
      const uint64_t end =
          layout.header_bytes + std::min(left, layout.slots_per_segment) * layout.stride;
      if (base != nullptr && bytes >= base && bytes + size <= base + end) return true;
    }
    return false;
  }
  // splitmix64 (S. Vigna), for any thread may ask.
  uint64_t roll() {
    uint64_t x = rolls_.fetch_add(0x9e3779b97f4a7c15ull, std::memory_order_relaxed);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
  }

  const Model &model_;
  SystemMapOps system_;
  std::vector<const uint8_t *> bases_;
  std::atomic<uint64_t> rolls_;
  std::atomic<uint64_t> clock_{1};
};

}  // namespace annulus::uring
