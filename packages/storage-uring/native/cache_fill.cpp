#include "cache_fill.h"

#include <algorithm>

namespace annulus::uring {

namespace {
constexpr uint64_t kWindowMin = 1 << 14;
/// Windows, of as many vectors as there are, after which a cache that is large enough would be
/// filled: four at the slowest.
constexpr uint64_t kFillingWindows = 6;
/// With so many reads in flight one more delays others...
constexpr uint64_t kBusyReads = 8;
/// ...and only this share of what searches ask for is read ahead. Where they ask for all that a
/// disk gives it costs them about 4 % (fio: 1,300 reads of 128 KiB a second cost 16 % of 61,500
/// small ones, and that is four times as much).
constexpr uint64_t kBusyDivisor = 4;
/// More than this is not saved up, lest a burst follows a rest.
constexpr uint64_t kEarnedMax = 4 * CacheFill::kChunkBytes;
}  // namespace

void CacheFill::expect(bool fit) {
  if (fixed_) return;
  std::lock_guard<std::mutex> lock(judging_);
  if (fit != on()) become(fit);
}

void CacheFill::note(uint64_t hits, uint64_t tries, uint64_t slots) {
  if (on() && hits < tries) earn(tries * vector_bytes_);
  if (fixed_) return;
  hits_.fetch_add(hits, std::memory_order_relaxed);
  const uint64_t seen = tries_.fetch_add(tries, std::memory_order_relaxed) + tries;
  if (seen >= std::max(slots, kWindowMin)) judge(slots);
}

void CacheFill::earn(uint64_t bytes) {
  if (earned_.load(std::memory_order_relaxed) >= kEarnedMax) return;
  const bool busy = in_flight_.load(std::memory_order_relaxed) >= kBusyReads;
  earned_.fetch_add(busy ? bytes / kBusyDivisor : bytes, std::memory_order_relaxed);
}

bool CacheFill::take() {
  if (!on()) return false;
  uint64_t earned = earned_.load(std::memory_order_relaxed);
  do {
    if (earned < kChunkBytes) return false;
  } while (!earned_.compare_exchange_weak(earned, earned - kChunkBytes, std::memory_order_relaxed));
  bytes_.fetch_add(kChunkBytes, std::memory_order_relaxed);
  return true;
}

void CacheFill::judge(uint64_t slots) {
  const std::unique_lock<std::mutex> lock(judging_, std::try_to_lock);
  if (!lock.owns_lock()) return;  // somebody does
  const uint64_t tries = tries_.load(std::memory_order_relaxed);
  if (tries < std::max(slots, kWindowMin)) return;  // somebody did
  const uint64_t hits = hits_.load(std::memory_order_relaxed);
  hits_.store(0, std::memory_order_relaxed);
  tries_.store(0, std::memory_order_relaxed);
  ++windows_;
  // Nearly all is there although it was not to be expected: let it have the rest. Or all was read
  // ahead and still most is missing: memory is too short, or something else needs it.
  if (!on()) {
    if (hits > tries / 8 * 7) become(true);
  } else if (windows_ > kFillingWindows && hits < tries / 2) {
    become(false);
  }
}

void CacheFill::become(bool on) {
  on_.store(on, std::memory_order_relaxed);
  hits_.store(0, std::memory_order_relaxed);
  tries_.store(0, std::memory_order_relaxed);
  earned_.store(0, std::memory_order_relaxed);
  windows_ = 0;
}

}  // namespace annulus::uring
