#include "scratch.h"

namespace annulus::hnsw {

std::unique_ptr<Scratch> ScratchPool::take() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!free_.empty()) {
      std::unique_ptr<Scratch> scratch = std::move(free_.back());
      free_.pop_back();
      return scratch;
    }
    free_.reserve(++made_);  // so that giving back cannot fail
  }
  return std::make_unique<Scratch>(query_bytes_, params_);
}

void ScratchPool::give(std::unique_ptr<Scratch> scratch) {
  std::lock_guard<std::mutex> lock(mutex_);
  free_.push_back(std::move(scratch));
}

size_t ScratchPool::bytes() {
  std::lock_guard<std::mutex> lock(mutex_);
  size_t sum = 0;
  for (const auto &scratch : free_) sum += scratch->bytes();
  return sum;
}

}  // namespace annulus::hnsw
