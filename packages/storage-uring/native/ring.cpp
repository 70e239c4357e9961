#include "ring.h"

#include <cerrno>
#include <cstring>

namespace annulus::uring {

namespace {
uint32_t *word(void *memory, uint32_t offset) {
  return reinterpret_cast<uint32_t *>(static_cast<char *>(memory) + offset);
}
}  // namespace

Ring::~Ring() {
  if (sqes_ != nullptr) ops_.unmap(sqes_, sqes_bytes_);
  if (cq_memory_ != nullptr) ops_.unmap(cq_memory_, cq_bytes_);
  if (sq_memory_ != nullptr) ops_.unmap(sq_memory_, sq_bytes_);
  if (fd_ >= 0) ops_.close(fd_);
}

int Ring::open(uint32_t entries, uint32_t flags) {
  Params params{};
  params.flags = flags;
  const int fd = ops_.setup(entries, &params);
  if (fd < 0) return -fd;
  fd_ = fd;
  features_ = params.features;
  flags_ = flags;
  stage_ = RingStage::features;
  // Without NODROP a completion can be lost, and with it the buffer it owns.
  if ((features_ & kFeatureNoDrop) == 0) return ENOSYS;
  stage_ = RingStage::map;
  const int error = map_queues(params);
  if (error == 0) stage_ = RingStage::ready;
  return error;
}

int Ring::map_queues(const Params &params) {
  sq_bytes_ = params.sq_off.array + params.sq_entries * sizeof(uint32_t);
  cq_bytes_ = params.cq_off.cqes + params.cq_entries * sizeof(Cqe);
  sqes_bytes_ = params.sq_entries * sizeof(Sqe);
  // Mapped apart also where the kernel has both in one area: it answers both offsets.
  sq_memory_ = ops_.map(fd_, kMapSqRing, sq_bytes_);
  if (sq_memory_ == nullptr) return errno;
  cq_memory_ = ops_.map(fd_, kMapCqRing, cq_bytes_);
  if (cq_memory_ == nullptr) return errno;
  sqes_ = static_cast<Sqe *>(ops_.map(fd_, kMapSqes, sqes_bytes_));
  if (sqes_ == nullptr) return errno;

  sq_head_ = word(sq_memory_, params.sq_off.head);
  sq_tail_ = word(sq_memory_, params.sq_off.tail);
  sq_flags_ = word(sq_memory_, params.sq_off.flags);
  sq_mask_ = *word(sq_memory_, params.sq_off.ring_mask);
  sq_entries_ = *word(sq_memory_, params.sq_off.ring_entries);
  sq_next_ = __atomic_load_n(sq_tail_, __ATOMIC_RELAXED);
  uint32_t *array = word(sq_memory_, params.sq_off.array);
  for (uint32_t i = 0; i < sq_entries_; ++i) array[i] = i;

  cq_head_ = word(cq_memory_, params.cq_off.head);
  cq_tail_ = word(cq_memory_, params.cq_off.tail);
  cq_mask_ = *word(cq_memory_, params.cq_off.ring_mask);
  cqes_ = reinterpret_cast<Cqe *>(static_cast<char *>(cq_memory_) + params.cq_off.cqes);
  return 0;
}

Sqe *Ring::next() {
  if (unsubmitted() == sq_entries_) return nullptr;
  Sqe *sqe = &sqes_[sq_next_ & sq_mask_];
  std::memset(sqe, 0, sizeof(Sqe));
  ++sq_next_;
  return sqe;
}

uint32_t Ring::unsubmitted() const {
  return sq_next_ - __atomic_load_n(sq_head_, __ATOMIC_ACQUIRE);
}

int Ring::enter(uint32_t min_complete, bool get_events) {
  __atomic_store_n(sq_tail_, sq_next_, __ATOMIC_RELEASE);
  const uint32_t flags = get_events || min_complete > 0 ? kEnterGetEvents : 0;
  return ops_.enter(fd_, unsubmitted(), min_complete, flags);
}

int Ring::wait() { return ops_.enter(fd_, 0, 1, kEnterGetEvents); }

int Ring::register_with(uint32_t opcode, const void *arg, uint32_t count) {
  return ops_.register_with(fd_, opcode, arg, count);
}

bool Ring::ready() const {
  return __atomic_load_n(cq_tail_, __ATOMIC_ACQUIRE) != __atomic_load_n(cq_head_, __ATOMIC_RELAXED);
}

bool Ring::overflowed() const {
  return (__atomic_load_n(sq_flags_, __ATOMIC_RELAXED) & kSqCqOverflow) != 0;
}

size_t Ring::reap(Cqe *out, size_t max) {
  uint32_t head = __atomic_load_n(cq_head_, __ATOMIC_RELAXED);
  const uint32_t tail = __atomic_load_n(cq_tail_, __ATOMIC_ACQUIRE);
  size_t taken = 0;
  while (head != tail && taken < max) out[taken++] = cqes_[head++ & cq_mask_];
  __atomic_store_n(cq_head_, head, __ATOMIC_RELEASE);
  return taken;
}

}  // namespace annulus::uring
