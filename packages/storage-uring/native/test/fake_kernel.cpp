#include "fake_kernel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace annulus::uring {

namespace {
constexpr int kRing = 1 << 20;
constexpr uint32_t kSqArray = 8, kCqCqes = 32;

bool is_wake(const Sqe &sqe) { return sqe.opcode == kOpPollAdd; }
// The read of an eventfd that RingQueue tries itself with.
bool is_test(const Sqe &sqe) { return sqe.user_data == ~uint64_t{1}; }
}  // namespace

void broken_rule(const char *rule) {
  std::fprintf(stderr, "broken rule: %s\n", rule);
  std::abort();
}

FakeKernel::~FakeKernel() {
  for (const auto &[from, to] : reopened_) ::close(to);
}

int FakeKernel::setup(uint32_t entries, Params *params) {
  if (faults_.refuse_flags && params->flags != 0) return -EINVAL;
  sq_entries_ = 1;
  while (sq_entries_ < entries) sq_entries_ *= 2;
  cq_entries_ = faults_.cq_entries != 0 ? faults_.cq_entries : 2 * sq_entries_;
  // head, tail, mask, entries, flags, dropped | head, tail, mask, entries
  sq_ring_.assign(kSqArray + sq_entries_, 0);
  cq_ring_.assign(kCqCqes + cq_entries_ * sizeof(Cqe), 0);
  sqes_.assign(sq_entries_, Sqe{});
  *sq(2) = sq_entries_ - 1;
  *sq(3) = sq_entries_;
  *cq(2) = cq_entries_ - 1;
  *cq(3) = cq_entries_;
  params->sq_entries = sq_entries_;
  params->cq_entries = cq_entries_;
  params->features = kFeatureNoDrop;
  params->sq_off = {0, 4, 8, 12, 16, 20, kSqArray * 4, 0, 0};
  params->cq_off = {0, 4, 8, 12, 16, kCqCqes, 20, 0, 0};
  return kRing;
}

void *FakeKernel::map(int, uint64_t offset, size_t) {
  if (offset == kMapSqRing) return sq_ring_.data();
  if (offset == kMapCqRing) return cq_ring_.data();
  return sqes_.data();
}

int FakeKernel::enter(int ring, uint32_t to_submit, uint32_t min_complete, uint32_t flags) {
  if (ring != kRing) broken_rule("the ring was entered after it was closed");
  if (faults_.break_after != 0 && ++enters_ > faults_.break_after) {
    broken_ = true;
    return -ENXIO;
  }
  if (chance(faults_.enter_interrupted)) return ++interrupted, -EINTR;
  if (chance(faults_.enter_refused)) return ++refused, chance(0.5) ? -EAGAIN : -EBUSY;
  if ((flags & kEnterGetEvents) != 0) flush_backlog();
  uint32_t taken = to_submit;
  if (to_submit > 1 && chance(faults_.partial_submit)) {
    taken = below(to_submit);
    ++partial;
  }
  take(taken);
  // A batch that was taken in part is not waited for.
  if (taken < to_submit) return static_cast<int>(taken);
  if (min_complete > 0 && !chance(faults_.early_return)) wait_for(min_complete);
  // Others complete meanwhile, or do not.
  while (!pending_.empty() && chance(0.5)) {
    const size_t index = below(static_cast<uint32_t>(pending_.size()));
    if (!is_wake(pending_[index]) || wake_readable(pending_[index], false)) complete_one(index);
  }
  return static_cast<int>(taken);
}

void FakeKernel::take(uint32_t n) {
  const uint32_t tail = __atomic_load_n(sq(1), __ATOMIC_ACQUIRE);
  uint32_t head = *sq(0);
  if (n > tail - head) broken_rule("more was submitted than is in the queue");
  for (uint32_t i = 0; i < n; ++i) {
    Sqe &sqe = sqes_[sq_ring_[kSqArray + (head++ & (sq_entries_ - 1))]];
    if (sqe.opcode != kOpRead && sqe.opcode != kOpReadFixed && !is_wake(sqe)) {
      broken_rule("something else than a read was submitted");
    }
    check_buffer(sqe);
    Held held;
    static_cast<Sqe &>(held) = sqe;
    if (!is_wake(sqe) && !is_test(sqe) && chance(0.5)) {
      held.early.resize(sqe.length);
      held.is_early = true;
      held.early_result = read(sqe, held.early.data());
    }
    pending_.push_back(std::move(held));
    // The kernel copied it: nobody may read it again.
    std::memset(static_cast<void *>(&sqe), 0xff, sizeof(sqe));
  }
  __atomic_store_n(sq(0), head, __ATOMIC_RELEASE);
}

void FakeKernel::check_buffer(const Sqe &sqe) {
  for (const Sqe &other : pending_) {
    if (!is_wake(sqe) && !is_wake(other) && sqe.address < other.address + other.length &&
        other.address < sqe.address + sqe.length) {
      broken_rule("a buffer was handed over while the kernel had it");
    }
    if (sqe.user_data == other.user_data) broken_rule("a tag is in flight twice");
  }
  const auto *buffer = reinterpret_cast<const char *>(sqe.address);
  if (sqe.opcode == kOpReadFixed && (buffer < fixed_begin_ || buffer + sqe.length > fixed_end_)) {
    broken_rule("a fixed read outside the registered buffers");
  }
  if (is_wake(sqe)) return;
  std::memset(reinterpret_cast<void *>(sqe.address), 0xa5, sqe.length);  // ours until it completes
}

void FakeKernel::wait_for(uint32_t min_complete) {
  while (ready() < min_complete && ready() < cq_entries_) {
    size_t reads = 0;
    for (const Sqe &sqe : pending_) reads += is_wake(sqe) ? 0 : 1;
    if (reads == 0) {
      if (pending_.empty() || ready() > 0) return;
      if (!wake_readable(pending_[0], true)) continue;
      complete_one(0);
      return;
    }
    const size_t index = below(static_cast<uint32_t>(pending_.size()));
    if (!is_wake(pending_[index]) || wake_readable(pending_[index], false)) complete_one(index);
  }
}

bool FakeKernel::wake_readable(const Sqe &sqe, bool block) {
  pollfd descriptor{sqe.fd, POLLIN, 0};
  return ::poll(&descriptor, 1, block ? 1000 : 0) == 1;
}

void FakeKernel::complete_one(size_t index) {
  std::swap(pending_[index], pending_.back());
  const Held held = std::move(pending_.back());
  pending_.pop_back();
  auto *buffer = reinterpret_cast<char *>(held.address);
  if (held.is_early && held.early_result > 0) {
    std::memcpy(buffer, held.early.data(), static_cast<size_t>(held.early_result));
  }
  post({held.user_data, held.is_early ? held.early_result : read(held, buffer), 0});
  ++completed;
}

int32_t FakeKernel::read(const Sqe &sqe, char *buffer) {
  if (is_wake(sqe)) return POLLIN;
  if (is_test(sqe)) return static_cast<int32_t>(::read(sqe.fd, buffer, sqe.length));
  if (chance(faults_.read_again)) return ++again, chance(0.5) ? -EAGAIN : -EINTR;
  const int given =
      (sqe.flags & kSqeFixedFile) != 0 ? files_.at(static_cast<size_t>(sqe.fd)) : sqe.fd;
  if ((::fcntl(given, F_GETFL) & O_DIRECT) != 0 &&
      (sqe.offset % 512 != 0 || sqe.length % 512 != 0 || sqe.address % 512 != 0)) {
    return -EINVAL;
  }
  struct stat status;
  if (::fstat(given, &status) != 0) return -errno;
  for (const Range &bad : bad_) {
    if (bad.inode == status.st_ino && sqe.offset < bad.end && bad.begin < sqe.offset + sqe.length) {
      return ++failed, -EIO;
    }
  }
  auto [place, fresh] = reopened_.try_emplace(given, -1);
  if (fresh) {
    place->second = ::open(("/proc/self/fd/" + std::to_string(given)).c_str(), O_RDONLY);
  }
  uint32_t length = sqe.length;
  if (chance(faults_.read_short)) {
    length = below(length + 1);
    ++shortened;
  }
  if (length == 0) return 0;
  return static_cast<int32_t>(
      ::pread(place->second, buffer, length, static_cast<off_t>(sqe.offset)));
}

void FakeKernel::post(const Cqe &cqe) {
  if (ready() == cq_entries_ || !backlog_.empty()) {
    backlog_.push_back(cqe);
    ++overflowed;
    __atomic_store_n(sq(4), *sq(4) | kSqCqOverflow, __ATOMIC_RELAXED);
    return;
  }
  auto *cqes = reinterpret_cast<Cqe *>(cq_ring_.data() + kCqCqes);
  cqes[*cq(1) & (cq_entries_ - 1)] = cqe;
  __atomic_store_n(cq(1), *cq(1) + 1, __ATOMIC_RELEASE);
}

void FakeKernel::flush_backlog() {
  std::vector<Cqe> kept;
  kept.swap(backlog_);
  size_t i = 0;
  while (i < kept.size() && ready() < cq_entries_) post(kept[i++]);
  backlog_.assign(kept.begin() + static_cast<long>(i), kept.end());
  if (backlog_.empty()) __atomic_store_n(sq(4), *sq(4) & ~kSqCqOverflow, __ATOMIC_RELAXED);
}

int FakeKernel::register_with(int, uint32_t opcode, const void *arg, uint32_t count) {
  switch (opcode) {
    case kRegisterBuffers: {
      if (faults_.refuse_buffers) return -ENOMEM;
      const auto *area = static_cast<const iovec *>(arg);
      fixed_begin_ = static_cast<const char *>(area->iov_base);
      fixed_end_ = fixed_begin_ + area->iov_len;
      return 0;
    }
    case kRegisterFiles:
      if (faults_.refuse_files) return -ENOMEM;
      files_.assign(static_cast<const int *>(arg), static_cast<const int *>(arg) + count);
      return 0;
    default: {
      const auto *update = static_cast<const FilesUpdate *>(arg);
      files_.at(update->offset) = *reinterpret_cast<const int *>(update->fds);
      return 1;
    }
  }
}

void FakeKernel::close(int) {
  for (const Sqe &sqe : pending_) {
    if (!broken_ && !is_wake(sqe)) broken_rule("the ring was closed with a read in flight");
  }
}

}  // namespace annulus::uring
