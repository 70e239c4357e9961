#include "cache_pass.h"

#include <annulus/crc32c.h>
#include <annulus/distance.h>

#include <memory>

#if defined(__linux__)
#include <sys/uio.h>

#include <cerrno>
#endif

#if !defined(_WIN32)

namespace annulus::uring {

namespace {
constexpr uint32_t kRareShare = 24;  // of 256: below about a tenth, trying costs more than it saves
constexpr uint32_t kRareTurns = 16;
}  // namespace

bool CachePass::worthwhile() {
  if (!supported_.load(std::memory_order_relaxed)) return false;
  if (hit_share_.load(std::memory_order_relaxed) >= kRareShare) return true;
  return turn_.fetch_add(1, std::memory_order_relaxed) % kRareTurns == 0;
}

void CachePass::score(const annulus_score_request &request, std::vector<uint32_t> &missed) {
  const Layout &layout = segments_.layout();
  const auto vector = std::make_unique<float[]>(layout.dimension);
  const ExactQuery exact(request.metric, request.query, layout.dimension);
  for (uint32_t i = 0; i < request.n; ++i) {
    if (read(request.slots[i], reinterpret_cast<char *>(vector.get()))) {
      request.out[i] = exact.distance(vector.get());
    } else {
      missed.push_back(i);
    }
  }
  note(request.n - missed.size(), request.n);
}

// A vector whose checksum does not match counts as missed: the ring reads it again and judges.
bool CachePass::read(uint32_t slot, char *vector) {
#if defined(__linux__) && defined(RWF_NOWAIT)
  const Layout &layout = segments_.layout();
  const Segment *segment = segments_.find(slot / layout.slots_per_segment);
  if (segment == nullptr) return false;
  const uint64_t index = slot % layout.slots_per_segment;
  const auto offset = static_cast<off_t>(layout.header_bytes + index * layout.stride);
  const iovec target{vector, layout.vector_bytes};
  const ssize_t got = preadv2(segment->cached_fd, &target, 1, offset, RWF_NOWAIT);
  if (got < 0 && (errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS)) {
    supported_.store(false, std::memory_order_relaxed);
  }
  return got == static_cast<ssize_t>(layout.vector_bytes) &&
         crc32c(slot, vector, layout.vector_bytes) == segment->checksums[index];
#else
  (void)slot;
  (void)vector;
  supported_.store(false, std::memory_order_relaxed);
  return false;
#endif
}

void CachePass::note(size_t hits, size_t tries) {
  if (hits > 0) hits_.fetch_add(hits, std::memory_order_relaxed);
  // A moving mean over about eight requests; lost updates only make it a little slower.
  const auto share = static_cast<uint32_t>(256 * hits / tries);
  const uint32_t before = hit_share_.load(std::memory_order_relaxed);
  hit_share_.store((7 * before + share + 4) / 8, std::memory_order_relaxed);
}

}  // namespace annulus::uring

#endif
