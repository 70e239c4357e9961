#include "cache_pass.h"

#if !defined(_WIN32)

#include <annulus/mapped_vector.h>

#include <algorithm>

namespace annulus::uring {

namespace {
/// Requests that ask before they touch, after one that found something missing.
constexpr uint32_t kDoubt = 32;
/// Below this share of hits, of 1024, looking costs more than it saves...
constexpr uint32_t kRareShare = 32;
/// ...so one request in so many looks whether that has changed.
constexpr uint32_t kRareTurns = 8;
/// Vectors between two looks at the clock, which costs 25 ns.
constexpr uint32_t kClockStride = 4;
/// Longer than this for so many vectors, and a nanosecond a byte, makes one ask whether a page
/// fault had to wait: cached pages take about 1 µs, the fastest disks 50.
constexpr uint64_t kPatienceNs = 40'000;
}  // namespace

struct CachePass::Look {
  bool mapped;    // the page cache is looked at
  bool trusting;  // and vectors are touched without asking
  uint32_t cache_hits = 0;
  uint32_t hot_hits = 0;
  uint32_t untimed = 0;  // touched since the last look at the clock
  uint64_t time = 0;
};

bool CachePass::score(const annulus_score_request &request, uint64_t stored,
                      std::vector<uint32_t> &missed) {
  Look look{maps_ != nullptr && worth_looking(), doubt_.load(std::memory_order_relaxed) == 0};
  const bool any = look.mapped || hot_.enabled();
  if (any) score_all(request, look, missed);
  conclude(look, request.n, stored);
  if (look.mapped && fill_.on() && segments_.can_be_direct()) read_ahead(request, stored, missed);
  return any;
}

bool CachePass::worth_looking() {
  if (hit_share_.load(std::memory_order_relaxed) >= kRareShare) return true;
  return turn_.fetch_add(1, std::memory_order_relaxed) % kRareTurns == 0;
}

void CachePass::score_all(const annulus_score_request &request, Look &look,
                          std::vector<uint32_t> &missed) {
  const ExactQuery exact(request.metric, request.query, segments_.layout().dimension);
  if (look.mapped && look.trusting) look.time = maps_->now_ns();
  for (uint32_t i = 0; i < request.n; ++i) {
    const uint32_t slot = request.slots[i];
    if (look.mapped && look.trusting && i + 1 < request.n) prefetch_lines(request.slots[i + 1]);
    if (hot_.enabled() && score_hot(slot, exact, &request.out[i])) {
      ++look.hot_hits;
    } else if (look.mapped && score_mapped(slot, exact, &request.out[i], look)) {
      ++look.cache_hits;
    } else {
      missed.push_back(i);
    }
  }
  if (look.untimed > 0) watch_clock(look);
}

void CachePass::prefetch_lines(uint32_t slot) const {
  const Layout &layout = segments_.layout();
  const Segment *segment = segments_.find(slot / layout.slots_per_segment);
  if (segment == nullptr || segment->base == nullptr) return;
  const uint64_t row = slot % layout.slots_per_segment;
  __builtin_prefetch(segment->checksums + row);
  prefetch_vector(segment->base + layout.header_bytes + row * layout.stride, layout.vector_bytes);
}

bool CachePass::score_hot(uint32_t slot, const ExactQuery &exact, float *out) {
  return hot_.find(slot, [&](const float *vector) { *out = exact.distance(vector); });
}

// Whatever is wrong with a vector, the ring reads it again and judges.
bool CachePass::score_mapped(uint32_t slot, const ExactQuery &exact, float *out, Look &look) {
  const Layout &layout = segments_.layout();
  const Segment *segment = segments_.find(slot / layout.slots_per_segment);
  if (segment == nullptr || segment->base == nullptr) return false;
  const uint64_t row = slot % layout.slots_per_segment;
  const uint8_t *bytes = segment->base + layout.header_bytes + row * layout.stride;
  if (!look.trusting && !maps_->resident(bytes, layout.vector_bytes)) return false;
  const uint64_t rewrites = rewrites_.count();
  // Atomic, because a freed slot may be getting a new vector at this moment.
  const uint32_t checksum = __atomic_load_n(&segment->checksums[row], __ATOMIC_RELAXED);
  MappedVector vector{bytes, layout.vector_bytes, slot, checksum, &exact, out, false};
  const int error = maps_->guarded(bytes, layout.vector_bytes, &MappedVector::score, &vector);
  if (look.trusting && ++look.untimed == kClockStride) watch_clock(look);
  if (error != 0 || !vector.intact) return false;
  // The bytes were verified and then scored: they may have changed in between.
  std::atomic_thread_fence(std::memory_order_acquire);
  return !rewrites_.may_cover(rewrites, slot);
}

void CachePass::watch_clock(Look &look) {
  const uint64_t now = maps_->now_ns();
  const uint64_t patience = kPatienceNs + look.untimed * segments_.layout().vector_bytes;
  if (now - look.time > patience && maps_->faulted()) {
    look.trusting = false;
    doubt_.store(kDoubt, std::memory_order_relaxed);
  }
  look.time = now;
  look.untimed = 0;
}

// The kernel is told where to read, and not waited for.
void CachePass::read_ahead(const annulus_score_request &request, uint64_t stored,
                           const std::vector<uint32_t> &missed) {
  const Layout &layout = segments_.layout();
  uint64_t last = ~uint64_t{0};  // the chunk before
  for (const uint32_t index : missed) {
    const uint64_t slot = request.slots[index];
    const uint64_t number = slot / layout.slots_per_segment;
    const Segment *segment = segments_.find(number);
    if (segment == nullptr || segment->base == nullptr) continue;
    const uint64_t offset = layout.header_bytes + slot % layout.slots_per_segment * layout.stride;
    const uint64_t begin = offset - offset % CacheFill::kChunkBytes;
    const uint64_t chunk = number * layout.segment_bytes + begin;
    if (chunk == last) continue;
    if (!fill_.take()) return;
    last = chunk;
    const uint64_t written =
        std::min(stored - number * layout.slots_per_segment, layout.slots_per_segment);
    const uint64_t end = layout.header_bytes + written * layout.stride;
    maps_->prefetch(segment->base + begin, std::min(end - begin, CacheFill::kChunkBytes));
  }
}

void CachePass::conclude(const Look &look, uint64_t wanted, uint64_t stored) {
  if (look.hot_hits > 0) hot_hits_.fetch_add(look.hot_hits, std::memory_order_relaxed);
  const uint64_t tries = wanted - look.hot_hits;
  if (tries == 0) return;
  const uint32_t before = hit_share_.load(std::memory_order_relaxed);
  if (!look.mapped) return fill_.note(tries * before / 1024, tries, stored);
  cache_hits_.fetch_add(look.cache_hits, std::memory_order_relaxed);
  fill_.note(look.cache_hits, tries, stored);
  // A moving mean over about eight requests; lost updates only make it a little slower.
  const auto share = static_cast<uint32_t>(1024 * look.cache_hits / tries);
  hit_share_.store((7 * before + share + 4) / 8, std::memory_order_relaxed);
  if (look.cache_hits < tries) {
    if (doubt_.load(std::memory_order_relaxed) != kDoubt) {
      doubt_.store(kDoubt, std::memory_order_relaxed);
    }
  } else if (!look.trusting) {
    uint32_t doubt = doubt_.load(std::memory_order_relaxed);
    if (doubt > 0) doubt_.compare_exchange_strong(doubt, doubt - 1, std::memory_order_relaxed);
  }
}

}  // namespace annulus::uring

#endif
