// The k nearest of a stream of (distance, slot), ties by the lower slot.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace annulus {

struct Neighbour {
  float distance;
  uint32_t slot;
  bool operator<(const Neighbour &other) const {
    return distance < other.distance || (distance == other.distance && slot < other.slot);
  }
};

class TopK {
 public:
  /// Never allocates beyond what it holds: `k` may be larger than the collection.
  explicit TopK(size_t k) : k_(k) {}

  /// Distances above this cannot enter.
  float worst() const {
    return heap_.size() < k_ ? std::numeric_limits<float>::infinity() : heap_.front().distance;
  }

  void offer(Neighbour candidate) {
    if (heap_.size() < k_) {
      heap_.push_back(candidate);
      std::push_heap(heap_.begin(), heap_.end());
    } else if (k_ > 0 && candidate < heap_.front()) {
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.back() = candidate;
      std::push_heap(heap_.begin(), heap_.end());
    }
  }

  void merge(const TopK &other) {
    for (const Neighbour &neighbour : other.heap_) offer(neighbour);
  }

  /// Nearest first; the heap is spent.
  const std::vector<Neighbour> &sorted() {
    std::sort_heap(heap_.begin(), heap_.end());
    return heap_;
  }

 private:
  size_t k_;
  std::vector<Neighbour> heap_;  // the farthest in front
};

}  // namespace annulus
