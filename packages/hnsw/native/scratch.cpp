#include "scratch.h"

#include <utility>

namespace annulus::hnsw {

std::unique_ptr<Scratch> ScratchPool::take() {
  std::unique_ptr<Scratch> scratch;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!free_.empty()) {
      scratch = std::move(free_.back());
      free_.pop_back();
      scratch->era = era_;
      ++current_;
      return scratch;
    }
    free_.reserve(++made_);  // so that giving back cannot fail
  }
  scratch = std::make_unique<Scratch>(query_bytes_, params_);
  std::lock_guard<std::mutex> lock(mutex_);
  scratch->era = era_;
  ++current_;
  return scratch;
}

void ScratchPool::give(std::unique_ptr<Scratch> scratch) {
  Gate::Ticket *ticket = nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (scratch->era == era_) {
      --current_;
    } else if (--older_ == 0) {
      ticket = std::exchange(waiting_, nullptr);
    }
    free_.push_back(std::move(scratch));
  }
  if (ticket != nullptr) ticket->resume(ticket);
}

bool ScratchPool::outlast(Gate::Ticket *ticket) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++era_;
  older_ += std::exchange(current_, 0);
  if (older_ == 0) return true;
  waiting_ = ticket;
  return false;
}

size_t ScratchPool::bytes() {
  std::lock_guard<std::mutex> lock(mutex_);
  size_t sum = 0;
  for (const auto &scratch : free_) sum += scratch->bytes();
  return sum;
}

}  // namespace annulus::hnsw
