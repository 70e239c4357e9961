// A kernel under the ring's state machine that does everything the real one may do and seldom does:
// shortens, reorders, delays, fails, interrupts, overflows, takes half a batch, refuses
// registration.
//
// What it asserts is who owns a buffer: none is handed over twice, and none is abandoned in its
// hands.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "../ring_ops.h"

namespace annulus::uring {

/// Chances, 0 to 1, of what may go wrong.
struct FakeFaults {
  double enter_interrupted = 0;  ///< EINTR before anything was done
  double enter_refused = 0;      ///< EAGAIN or EBUSY
  double partial_submit = 0;     ///< only some entries are taken
  double early_return = 0;       ///< a wait that brings nothing, as kernels before 5.11 had
  double read_again = 0;         ///< EAGAIN or EINTR as the result of a read
  double read_short = 0;
  uint32_t cq_entries =
      0;  ///< smaller than what is in flight: completions overflow; 0: twice the entries
  bool refuse_buffers = false;  ///< ENOMEM, as a low memlock limit gives
  bool refuse_files = false;
  bool refuse_flags = false;  ///< EINVAL for every set-up flag, as an old kernel gives
  uint64_t break_after = 0;   ///< enters after which every one fails with ENXIO; 0: never
};

class FakeKernel final : public RingOps {
 public:
  FakeKernel(uint64_t seed, const FakeFaults &faults) : random_(seed), faults_(faults) {}
  ~FakeKernel() override;

  /// Reads that touch [begin, end) of the file fail with EIO, every time.
  void damage(uint64_t inode, uint64_t begin, uint64_t end) { bad_.push_back({inode, begin, end}); }

  int setup(uint32_t entries, Params *params) override;
  void *map(int ring, uint64_t offset, size_t bytes) override;
  void unmap(void *, size_t) override {}
  int enter(int ring, uint32_t to_submit, uint32_t min_complete, uint32_t flags) override;
  int register_with(int ring, uint32_t opcode, const void *arg, uint32_t count) override;
  void close(int ring) override;
  void pause(uint32_t) override { ++pauses; }

  // How often each trouble was met: a fault that never happened proves nothing.
  uint64_t interrupted = 0, refused = 0, partial = 0, again = 0, shortened = 0, overflowed = 0;
  uint64_t failed = 0, completed = 0, pauses = 0;

 private:
  struct Range {
    uint64_t inode, begin, end;
  };

  /// An entry in the kernel's hands; half of them were read at once and are told of later.
  struct Held : Sqe {
    std::vector<char> early;
    bool is_early = false;
    int32_t early_result = 0;
  };

  bool chance(double p) { return std::uniform_real_distribution<>()(random_) < p; }
  uint32_t below(uint32_t n) { return std::uniform_int_distribution<uint32_t>(0, n - 1)(random_); }
  uint32_t *sq(uint32_t word) { return &sq_ring_[word]; }
  uint32_t *cq(uint32_t word) { return reinterpret_cast<uint32_t *>(cq_ring_.data()) + word; }
  uint32_t ready() { return *cq(1) - __atomic_load_n(cq(0), __ATOMIC_ACQUIRE); }
  void take(uint32_t n);
  void check_buffer(const Sqe &sqe);
  void complete_one(size_t index);
  void wait_for(uint32_t min_complete);
  bool wake_readable(const Sqe &sqe, bool block);
  int32_t read(const Sqe &sqe, char *buffer);
  void post(const Cqe &cqe);
  void flush_backlog();

  std::mt19937_64 random_;
  const FakeFaults faults_;
  std::vector<Range> bad_;
  std::vector<uint32_t> sq_ring_;
  std::vector<char> cq_ring_;
  std::vector<Sqe> sqes_;
  uint32_t sq_entries_ = 0, cq_entries_ = 0;
  std::vector<Held> pending_;  // what the kernel holds
  std::vector<Cqe> backlog_;   // completions that did not fit
  std::vector<int> files_;
  const char *fixed_begin_ = nullptr, *fixed_end_ = nullptr;
  std::map<int, int> reopened_;  // without O_DIRECT, for bounce-free reading
  uint64_t enters_ = 0;
  bool broken_ = false;
};

/// Ends the program with a message; the seed is printed by the caller beforehand.
[[noreturn]] void broken_rule(const char *rule);

}  // namespace annulus::uring
