// One request on its way: who has taken which vectors, how many are left, what went wrong first.
#pragma once

#include <annulus/abi.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace annulus {

/// What is done with each vector of a request.
enum class Work {
  score,  // distance to `request->query` into `request->out[i]`
  copy,   // the components into `request->out + i * dimension`; `query` and `metric` are ignored
};

class Batch {
 public:
  Batch(annulus_score_request *request, Work work)
      : work(work), request_(request), unfinished_(request->n) {}

  annulus_score_request &request() const { return *request_; }
  size_t size() const { return request_->n; }

  bool aborted() const {
    return request_->abort != nullptr && __atomic_load_n(request_->abort, __ATOMIC_RELAXED) != 0;
  }

  /// Whether a vector before `index` has failed, so that work from there on is in vain.
  bool failed_before(size_t index) const {
    return failed_at_.load(std::memory_order_relaxed) < index;
  }

  /// Of several failures the one that comes first in the request counts, whoever sees it first.
  void fail(size_t index, int32_t status, int32_t detail, uint64_t slot) {
    std::lock_guard<std::mutex> lock(failure_);
    if (index >= failed_at_.load(std::memory_order_relaxed)) return;
    failed_at_.store(index, std::memory_order_relaxed);
    status_ = status;
    detail_ = detail;
    slot_ = slot;
  }

  /// Accounts for vectors read, failed or skipped. True for the call that accounts for the last.
  bool account(size_t vectors) {
    return unfinished_.fetch_sub(vectors, std::memory_order_acq_rel) == vectors;
  }

  /// Whether a read failed, as opposed to a request that was aborted, refused or wrong. Once all is
  /// accounted for.
  bool damaged() const { return status_ == ANNULUS_IO || status_ == ANNULUS_CORRUPT; }

  /// Writes the outcome into the request and calls its `done`; the request may be gone afterwards.
  void settle() {
    request_->status = status_;
    request_->detail = detail_;
    request_->slot = slot_;
    request_->done(request_);
  }

  const Work work;

  // The queue's, under its lock.
  size_t next = 0;  // first vector that nobody has taken
  size_t part = 1;  // how many a thread takes at a time
  Batch *behind = nullptr;

 private:
  annulus_score_request *const request_;
  std::atomic<size_t> unfinished_;
  std::atomic<size_t> failed_at_{SIZE_MAX};
  std::mutex failure_;
  int32_t status_ = ANNULUS_OK;
  int32_t detail_ = 0;
  uint64_t slot_ = 0;
};

}  // namespace annulus
