#include "gate.h"

namespace annulus::hnsw {

bool Gate::enter(Ticket *ticket) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (shut_ == 0) {
    ++inside_;
    return true;
  }
  ticket->next = waiting_;
  waiting_ = ticket;
  return false;
}

void Gate::leave() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (--inside_ == 0 && shut_ > 0) empty_.notify_all();
}

Gate::Shut::Shut(Gate &gate) : gate_(gate) {
  std::unique_lock<std::mutex> lock(gate_.mutex_);
  ++gate_.shut_;
  gate_.empty_.wait(lock, [this] { return gate_.inside_ == 0; });
}

Gate::Shut::~Shut() {
  Ticket *waiting = nullptr;
  {
    std::lock_guard<std::mutex> lock(gate_.mutex_);
    if (--gate_.shut_ == 0) {
      waiting = gate_.waiting_;
      gate_.waiting_ = nullptr;
    }
  }
  while (waiting != nullptr) {
    Ticket *next = waiting->next;  // a resumed ticket may be gone
    waiting->resume(waiting);
    waiting = next;
  }
}

}  // namespace annulus::hnsw
