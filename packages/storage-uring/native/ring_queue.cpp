#include "ring_queue.h"

#if defined(__linux__)

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace annulus::uring {

namespace {

constexpr uint64_t kWakeTag = ~uint64_t{0};
constexpr uint64_t kTestTag = kWakeTag - 1;
constexpr uint32_t kFilesMax = 1024;
constexpr size_t kReapMax = 64;
// A kernel out of memory gets a second to recover while nothing of ours is in flight.
constexpr uint32_t kPausesMax = 1000;
constexpr uint32_t kPauseUs = 1000;

}  // namespace

RingQueue::~RingQueue() {
  if (event_fd_ >= 0) ::close(event_fd_);
}

int RingQueue::open(uint32_t depth, void *memory, size_t bytes) {
  const int error = open_ring(depth + 1);  // one more for the wake
  if (error != 0) return error;
  stage_ = RingStage::wake;
  event_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event_fd_ < 0) return errno;
  if (tuning_.registered_buffers) register_buffers(memory, bytes);
  if (tuning_.registered_files) register_files();
  return test_read();
}

// One read through the ring: a kernel that sets rings up but cannot read is as good as none.
int RingQueue::test_read() {
  stage_ = RingStage::read;
  wake();  // so that there is something to read, at once
  uint64_t value = 0;
  Sqe *sqe = ring_->next();
  sqe->opcode = kOpRead;
  sqe->fd = event_fd_;
  sqe->address = reinterpret_cast<uint64_t>(&value);
  sqe->length = sizeof(value);
  sqe->user_data = kTestTag;
  // The kernel reads while it takes the entry, for the counter is there: `value` is ours after
  // that.
  Cqe cqe{};
  for (uint32_t attempt = 0; ring_->reap(&cqe, 1) == 0; ++attempt) {
    const int error = -ring_->enter(1, true);
    if (error > 0 && error != EINTR && error != EAGAIN && error != EBUSY) return error;
    if (attempt > kPausesMax) return EAGAIN;
    if (error > 0 && error != EINTR) ops_.pause(kPauseUs);
  }
  if (cqe.result < 0) return -cqe.result;
  stage_ = RingStage::ready;
  return 0;
}

int RingQueue::open_ring(uint32_t entries) {
  // From the newest kernels to the oldest; a flag the kernel does not know is EINVAL.
  constexpr uint32_t kNewest =
      kSetupSubmitAll | kSetupCoopTaskrun | kSetupSingleIssuer | kSetupDeferTaskrun;
  const uint32_t levels[] = {kNewest, kSetupSubmitAll | kSetupCoopTaskrun, 0};
  int error = 0;
  for (const uint32_t flags : levels) {
    if (!tuning_.taskrun && flags != 0) continue;
    ring_ = std::make_unique<Ring>(ops_);
    error = ring_->open(entries, flags);
    stage_ = ring_->stage();
    if (error != EINVAL) break;
  }
  if (error != 0) ring_.reset();
  return error;
}

// Spares the kernel pinning the pages at each read. Refused where RLIMIT_MEMLOCK is low; then
// without.
void RingQueue::register_buffers(void *memory, size_t bytes) {
  const iovec area{memory, bytes};
  if (ring_->register_with(kRegisterBuffers, &area, 1) < 0) return;
  registered_memory_ = static_cast<const char *>(memory);
  registered_bytes_ = bytes;
}

void RingQueue::register_files() {
  const std::vector<int> empty(kFilesMax, -1);
  if (ring_->register_with(kRegisterFiles, empty.data(), kFilesMax) < 0) return;
  files_ = empty;
}

// Segments come while the ring lives, so a file is registered when it is first read.
bool RingQueue::file_registered(const IoOp &op) {
  if (op.file >= files_.size()) return false;
  if (files_[op.file] == op.fd) return true;
  const FilesUpdate update{op.file, 0, reinterpret_cast<uint64_t>(&op.fd)};
  ++system_calls_;
  if (ring_->register_with(kRegisterFilesUpdate, &update, 1) != 1) return false;
  files_[op.file] = op.fd;
  return true;
}

void RingQueue::push(const IoOp &op) {
  Sqe *sqe = ring_->next();  // never nullptr: the ring has room for all reads and the wake
  sqe->offset = op.offset;
  sqe->address = reinterpret_cast<uint64_t>(op.buffer);
  sqe->length = op.length;
  sqe->user_data = op.tag;
  const char *buffer = static_cast<const char *>(op.buffer);
  const bool fixed = registered_memory_ != nullptr && buffer >= registered_memory_ &&
                     buffer + op.length <= registered_memory_ + registered_bytes_;
  sqe->opcode = fixed ? kOpReadFixed : kOpRead;
  if (file_registered(op)) {
    sqe->fd = static_cast<int32_t>(op.file);
    sqe->flags = kSqeFixedFile;
  } else {
    sqe->fd = op.fd;
  }
  ++in_kernel_;
}

void RingQueue::arm_wake() {
  if (wake_armed_) return;
  Sqe *sqe = ring_->next();
  if (sqe == nullptr) return;
  sqe->opcode = kOpPollAdd;
  sqe->fd = event_fd_;
  sqe->rw_flags = POLLIN;
  sqe->user_data = kWakeTag;
  wake_armed_ = true;
}

int RingQueue::submit(bool may_wait) {
  arm_wake();
  for (;;) {
    const bool wait = may_wait && !ring_->ready();
    if (!wait && ring_->unsubmitted() == 0 && !ring_->overflowed()) return 0;
    const uint32_t before = ring_->unsubmitted();
    const int result = ring_->enter(wait ? 1 : 0, true);
    ++system_calls_;
    if (result >= 0) {
      pauses_ = 0;
      // A partial submission means something is ready, or short of memory: reap, then go on.
      if (ring_->ready() || ring_->unsubmitted() == 0) return 0;
      if (ring_->unsubmitted() < before) continue;
    }
    bool waited = false;
    const int error = result < 0 ? -result : EAGAIN;
    if (!retry(error, &waited)) return error;
    if (waited) return 0;
  }
}

// What to do after a failed enter. False: the ring is beyond use. `*waited`: let the caller reap.
bool RingQueue::retry(int error, bool *waited) {
  *waited = ring_->ready();
  if (error == EINTR || *waited) return true;
  if (error != EAGAIN && error != EBUSY) return false;
  // Short of memory, or completions have no room: let the kernel finish what it has.
  if (in_kernel_ > ring_->unsubmitted()) {
    ++system_calls_;
    ring_->wait();
    *waited = ring_->ready();
    if (*waited) return true;
  }
  if (++pauses_ > kPausesMax) return false;
  ops_.pause(kPauseUs);
  return true;
}

size_t RingQueue::reap(IoCompletion *out, size_t max) {
  Cqe cqes[kReapMax];
  size_t taken = 0;
  while (taken < max) {
    const size_t n = ring_->reap(cqes, std::min(kReapMax, max - taken));
    for (size_t i = 0; i < n; ++i) {
      if (cqes[i].user_data == kWakeTag) {
        clear_wake();
        continue;
      }
      --in_kernel_;
      out[taken++] = {cqes[i].user_data, cqes[i].result};
    }
    if (n == 0) break;
  }
  return taken;
}

void RingQueue::wake() {
  const uint64_t one = 1;
  // Cannot block (the counter would need 2^64 wakes) and has nobody to report to.
  [[maybe_unused]] const ssize_t written = ::write(event_fd_, &one, sizeof(one));
}

void RingQueue::clear_wake() {
  wake_armed_ = false;
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t bytes = ::read(event_fd_, &count, sizeof(count));
}

}  // namespace annulus::uring

#endif
