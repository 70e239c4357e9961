#include "hot_vectors.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace annulus::uring {

HotVectors::HotVectors(uint64_t bytes, uint32_t dimension, const Rewrites &rewrites)
    : dimension_(dimension),
      rewrites_(rewrites),
      sets_(bytes / (kWays * dimension * sizeof(float))),
      tags_(capacity()),
      hands_(sets_) {
  if (sets_ == 0) return;
  // calloc: pages that nothing was put in yet are not memory.
  vectors_ = static_cast<float *>(std::calloc(capacity(), dimension * sizeof(float)));
  if (vectors_ == nullptr) throw std::bad_alloc();
  locks_ = std::make_unique<std::mutex[]>(kLocks);
}

HotVectors::~HotVectors() { std::free(vectors_); }

void HotVectors::keep(uint32_t slot, const float *vector, uint64_t rewrites) {
  const uint64_t set = set_of(slot);
  std::lock_guard<std::mutex> lock(lock_of(set));
  if (rewrites % 2 != 0 || rewrites_.count() != rewrites) return;
  const uint64_t place = place_for(slot, set);
  tags_[place] = {slot, true, false};
  std::memcpy(vectors_ + place * dimension_, vector, dimension_ * sizeof(float));
}

uint64_t HotVectors::place_for(uint32_t slot, uint64_t set) {
  const uint64_t first = set * kWays;
  for (uint64_t place = first; place < first + kWays; ++place) {
    if (tags_[place].used && tags_[place].slot == slot) return place;
  }
  for (;;) {
    const uint64_t place = first + hands_[set];
    hands_[set] = static_cast<uint8_t>((hands_[set] + 1) % kWays);
    if (!tags_[place].used || !tags_[place].wanted) return place;
    tags_[place].wanted = false;
  }
}

void HotVectors::drop(const uint32_t *slots, size_t n) {
  if (!enabled()) return;
  for (size_t i = 0; i < n; ++i) {
    const uint32_t slot = slots[i];
    const uint64_t set = set_of(slot);
    std::lock_guard<std::mutex> lock(lock_of(set));
    for (uint64_t place = set * kWays; place < (set + 1) * kWays; ++place) {
      if (tags_[place].slot == slot) tags_[place].used = false;
    }
  }
}

}  // namespace annulus::uring
