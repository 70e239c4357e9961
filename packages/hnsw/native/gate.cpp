#include "gate.h"

#include <utility>

namespace annulus::hnsw {

namespace {
void resume_all(Gate::Ticket *ticket) {
  while (ticket != nullptr) {
    Gate::Ticket *next = ticket->next;  // a resumed ticket may be gone
    ticket->resume(ticket);
    ticket = next;
  }
}
}  // namespace

bool Gate::enter(Ticket *ticket) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (shut_ == 0 && !alone_ && !reserved_) {
    ++inside_;
    return true;
  }
  ticket->next = waiting_;
  waiting_ = ticket;
  return false;
}

bool Gate::enter_alone(Ticket *ticket) {
  std::lock_guard<std::mutex> lock(mutex_);
  reserved_ = shut_ > 0 || inside_ > 0;
  if (reserved_) {
    claimant_ = ticket;
    return false;
  }
  alone_ = true;
  ++inside_;
  return true;
}

// Who goes on when nobody is inside and the gate is open. The caller holds the mutex.
Gate::Ticket *Gate::take_next() {
  if (claimant_ != nullptr) {
    claimant_->next = nullptr;
    return std::exchange(claimant_, nullptr);
  }
  return reserved_ ? nullptr : std::exchange(waiting_, nullptr);
}

void Gate::leave() {
  Ticket *next = nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    alone_ = false;
    if (--inside_ > 0) return;
    if (shut_ > 0) {
      empty_.notify_all();
    } else {
      next = take_next();
    }
  }
  resume_all(next);
}

Gate::Shut::Shut(Gate &gate) : gate_(gate) {
  std::unique_lock<std::mutex> lock(gate_.mutex_);
  ++gate_.shut_;
  gate_.empty_.wait(lock, [this] { return gate_.inside_ == 0; });
}

Gate::Shut::~Shut() {
  Ticket *next = nullptr;
  {
    std::lock_guard<std::mutex> lock(gate_.mutex_);
    if (--gate_.shut_ == 0) next = gate_.take_next();
  }
  resume_all(next);
}

}  // namespace annulus::hnsw
