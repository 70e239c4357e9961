#include "direct_policy.h"

#include <algorithm>

namespace annulus::uring {

namespace {
constexpr uint64_t kWindowMin = 1 << 14;
/// Windows after which a cache that is large enough would be filled: the first two, of as many
/// reads as there are vectors, bring in seven of eight.
constexpr uint64_t kFillingWindows = 2;
}  // namespace

void DirectPolicy::expect(bool past_cache) {
  if (fixed_) return;
  std::lock_guard<std::mutex> lock(judging_);
  if (past_cache != this->past_cache()) become(past_cache);
}

void DirectPolicy::note(uint64_t hits, uint64_t tries, uint64_t slots) {
  if (fixed_) return;
  hits_.fetch_add(hits, std::memory_order_relaxed);
  const uint64_t seen = tries_.fetch_add(tries, std::memory_order_relaxed) + tries;
  if (seen >= std::max(slots, kWindowMin)) judge(slots);
}

void DirectPolicy::judge(uint64_t slots) {
  const std::unique_lock<std::mutex> lock(judging_, std::try_to_lock);
  if (!lock.owns_lock()) return;  // somebody does
  const uint64_t tries = tries_.load(std::memory_order_relaxed);
  if (tries < std::max(slots, kWindowMin)) return;  // somebody did
  const uint64_t hits = hits_.load(std::memory_order_relaxed);
  hits_.store(0, std::memory_order_relaxed);
  tries_.store(0, std::memory_order_relaxed);
  ++windows_;
  // Past the cache, and yet nearly all is in it: let it have the rest. Through it, and after all
  // this most reads still go to the disk: memory is too short, or something else needs it.
  if (past_cache()) {
    if (hits > tries / 8 * 7) become(false);
  } else if (windows_ > kFillingWindows && hits < tries / 2) {
    become(true);
  }
}

void DirectPolicy::become(bool past_cache) {
  past_cache_.store(past_cache, std::memory_order_relaxed);
  hits_.store(0, std::memory_order_relaxed);
  tries_.store(0, std::memory_order_relaxed);
  windows_ = 0;
}

}  // namespace annulus::uring
