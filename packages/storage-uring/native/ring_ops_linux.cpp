// The real kernel under RingOps: raw system calls, for no liburing is required.
#if defined(__linux__)

#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "ring_ops.h"

#if defined(__has_include)
#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
static_assert(sizeof(io_uring_params) == sizeof(annulus::uring::Params), "kernel ABI");
static_assert(sizeof(io_uring_sqe) == sizeof(annulus::uring::Sqe), "kernel ABI");
static_assert(IORING_OFF_CQ_RING == annulus::uring::kMapCqRing, "kernel ABI");
static_assert(IORING_OFF_SQES == annulus::uring::kMapSqes, "kernel ABI");
#endif
#endif

// The numbers are the same on every architecture but alpha.
#ifndef __NR_io_uring_setup
#define __NR_io_uring_setup 425
#define __NR_io_uring_enter 426
#define __NR_io_uring_register 427
#endif

namespace annulus::uring {

namespace {

int result_of(long result) { return result < 0 ? -errno : static_cast<int>(result); }

class KernelRingOps final : public RingOps {
 public:
  int setup(uint32_t entries, Params *params) override {
    return result_of(::syscall(__NR_io_uring_setup, entries, params));
  }

  void *map(int ring, uint64_t offset, size_t bytes) override {
    void *memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
                          static_cast<off_t>(offset));
    if (memory == MAP_FAILED) return nullptr;
    ::madvise(memory, bytes, MADV_DONTFORK);  // a forked child must not touch our ring
    return memory;
  }

  void unmap(void *memory, size_t bytes) override { ::munmap(memory, bytes); }

  int enter(int ring, uint32_t to_submit, uint32_t min_complete, uint32_t flags) override {
    return result_of(
        ::syscall(__NR_io_uring_enter, ring, to_submit, min_complete, flags, nullptr, 0));
  }

  int register_with(int ring, uint32_t opcode, const void *arg, uint32_t count) override {
    return result_of(::syscall(__NR_io_uring_register, ring, opcode, arg, count));
  }

  void close(int ring) override { ::close(ring); }

  void pause(uint32_t microseconds) override {
    const timespec time{0, static_cast<long>(microseconds) * 1000};
    ::nanosleep(&time, nullptr);
  }
};

}  // namespace

std::unique_ptr<RingOps> kernel_ring_ops() { return std::make_unique<KernelRingOps>(); }

}  // namespace annulus::uring

#endif
