#include "map_ops.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "fault_guard.h"

namespace annulus {

namespace {

#if defined(__APPLE__)
using MincoreByte = char;
#else
using MincoreByte = unsigned char;
#endif

class SystemMapOps final : public MapOps {
 public:
  bool resident(const uint8_t *bytes, size_t size) override {
    Pages pages = pages_of(bytes, size);
    MincoreByte seen[kPagesAtOnce];
    while (pages.count > 0) {
      const size_t count = pages.count < kPagesAtOnce ? pages.count : kPagesAtOnce;
      if (mincore(pages.first, count * page_, seen) != 0) return true;
      for (size_t i = 0; i < count; ++i) {
        if ((seen[i] & 1) == 0) return false;
      }
      pages.first += count * page_;
      pages.count -= count;
    }
    return true;
  }

  void prefetch(const uint8_t *bytes, size_t size) override {
    const Pages pages = pages_of(bytes, size);
    // Whatever is wrong with the pages, the read that follows will say.
    (void)madvise(pages.first, pages.count * page_, MADV_WILLNEED);
  }

  int guarded(const uint8_t *bytes, size_t size, void (*body)(void *), void *ctx) override {
    return run_guarded(bytes, size, body, ctx) ? 0 : EIO;
  }

  uint64_t now_ns() override {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<uint64_t>(std::chrono::nanoseconds(now).count());
  }

 private:
  static constexpr size_t kPagesAtOnce = 64;

  struct Pages {
    uint8_t *first;
    size_t count;
  };

  Pages pages_of(const uint8_t *bytes, size_t size) const {
    const auto address = reinterpret_cast<uintptr_t>(bytes);
    const uintptr_t first = address & ~(page_ - 1);
    return {reinterpret_cast<uint8_t *>(first), (address + size - first + page_ - 1) / page_};
  }

  const uintptr_t page_ = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
};

}  // namespace

std::unique_ptr<MapOps> system_map_ops() {
  if (!install_fault_guard()) return nullptr;
  return std::make_unique<SystemMapOps>();
}

}  // namespace annulus
