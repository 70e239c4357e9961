#include "ring_ops.h"

#include <cerrno>

namespace annulus::uring {

namespace {

class DeniedRingOps final : public RingOps {
 public:
  explicit DeniedRingOps(int error) : error_(error) {}
  int setup(uint32_t, Params *) override { return -error_; }
  void *map(int, uint64_t, size_t) override {
    errno = error_;
    return nullptr;
  }
  void unmap(void *, size_t) override {}
  int enter(int, uint32_t, uint32_t, uint32_t) override { return -error_; }
  int register_with(int, uint32_t, const void *, uint32_t) override { return -error_; }
  void close(int) override {}
  void pause(uint32_t) override {}

 private:
  const int error_;
};

}  // namespace

std::unique_ptr<RingOps> denied_ring_ops(int error) {
  return std::make_unique<DeniedRingOps>(error);
}

#if !defined(__linux__)
std::unique_ptr<RingOps> kernel_ring_ops() { return denied_ring_ops(ENOSYS); }
#endif

}  // namespace annulus::uring
