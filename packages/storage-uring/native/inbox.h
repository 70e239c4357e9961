// Requests from any thread to the ring thread: a stack taken whole, so no node is freed while seen.
#pragma once

#include <atomic>

#include "request.h"

namespace annulus::uring {

class Inbox {
 public:
  /// Any thread. False once the inbox was sealed; the request is then the caller's again.
  bool push(Request *request) {
    Request *head = head_.load(std::memory_order_relaxed);
    do {
      if (head == sealed()) return false;
      request->next = head;
    } while (!head_.compare_exchange_weak(head, request, std::memory_order_seq_cst,
                                          std::memory_order_relaxed));
    return true;
  }

  bool empty() const { return head_.load(std::memory_order_seq_cst) == nullptr; }

  /// Owner only: everything pushed so far, oldest first.
  Request *take() {
    Request *newest = head_.exchange(nullptr, std::memory_order_acquire);
    Request *oldest = nullptr;
    while (newest != nullptr) {
      Request *next = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = next;
    }
    return oldest;
  }

  /// Owner only: refuses all later pushes; false if something is still inside.
  bool seal() {
    Request *empty = nullptr;
    return head_.compare_exchange_strong(empty, sealed(), std::memory_order_acq_rel);
  }

 private:
  Request *sealed() const { return const_cast<Request *>(&mark_); }

  std::atomic<Request *> head_{nullptr};
  Request mark_;
};

}  // namespace annulus::uring
