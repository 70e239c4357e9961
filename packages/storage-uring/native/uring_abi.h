// The part of the io_uring kernel ABI that we use, declared here so that neither liburing nor
// recent kernel headers are needed. The ABI is frozen; ring_ops_linux.cpp checks it against
// <linux/io_uring.h>.
#pragma once

#include <cstdint>

namespace annulus::uring {

struct SqOffsets {
  uint32_t head, tail, ring_mask, ring_entries, flags, dropped, array, reserved;
  uint64_t user_addr;
};

struct CqOffsets {
  uint32_t head, tail, ring_mask, ring_entries, overflow, cqes, flags, reserved;
  uint64_t user_addr;
};

struct Params {
  uint32_t sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features, wq_fd;
  uint32_t reserved[3];
  SqOffsets sq_off;
  CqOffsets cq_off;
};

struct Sqe {
  uint8_t opcode;
  uint8_t flags;
  uint16_t ioprio;
  int32_t fd;
  uint64_t offset;
  uint64_t address;
  uint32_t length;
  uint32_t rw_flags;
  uint64_t user_data;
  uint16_t buffer_index;
  uint16_t personality;
  int32_t splice_fd;
  uint64_t reserved[2];
};

struct Cqe {
  uint64_t user_data;
  int32_t result;
  uint32_t flags;
};

/// Argument of kRegisterFilesUpdate.
struct FilesUpdate {
  uint32_t offset;
  uint32_t reserved;
  uint64_t fds;
};

static_assert(sizeof(Params) == 120 && sizeof(Sqe) == 64 && sizeof(Cqe) == 16, "kernel ABI");
static_assert(sizeof(FilesUpdate) == 16, "kernel ABI");

constexpr uint8_t kOpReadFixed = 4;  // Linux 5.1
constexpr uint8_t kOpPollAdd = 6;    // Linux 5.1; its events lie where rw_flags does
constexpr uint8_t kOpRead = 22;      // Linux 5.6

constexpr uint8_t kSqeFixedFile = 1u << 0;

constexpr uint32_t kSetupSubmitAll = 1u << 7;      // Linux 5.18
constexpr uint32_t kSetupCoopTaskrun = 1u << 8;    // Linux 5.19
constexpr uint32_t kSetupSingleIssuer = 1u << 12;  // Linux 6.0
constexpr uint32_t kSetupDeferTaskrun = 1u << 13;  // Linux 6.1

constexpr uint32_t kFeatureNoDrop = 1u << 1;  // Linux 5.5: an overflowing completion is kept

constexpr uint32_t kEnterGetEvents = 1u << 0;

constexpr uint32_t kSqCqOverflow = 1u << 1;

constexpr uint64_t kMapSqRing = 0;
constexpr uint64_t kMapCqRing = 0x8000000;
constexpr uint64_t kMapSqes = 0x10000000;

constexpr uint32_t kRegisterBuffers = 0;
constexpr uint32_t kRegisterFiles = 2;
constexpr uint32_t kRegisterFilesUpdate = 6;

}  // namespace annulus::uring
