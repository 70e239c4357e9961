#include "map_ops.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "fault_guard.h"

#if defined(__APPLE__)
#include <mach/mach.h>
#endif

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

  const uint8_t *duplicate(const uint8_t *mapping, size_t size) override {
    auto *pages = const_cast<uint8_t *>(mapping);
#if defined(__APPLE__)
    vm_address_t second = 0;
    vm_prot_t current;
    vm_prot_t max;
    const kern_return_t result =
        vm_remap(mach_task_self(), &second, size, 0, VM_FLAGS_ANYWHERE, mach_task_self(),
                 reinterpret_cast<vm_address_t>(pages), FALSE, &current, &max, VM_INHERIT_SHARE);
    return result == KERN_SUCCESS ? reinterpret_cast<const uint8_t *>(second) : nullptr;
#else
    // An old size of 0 maps the pages of a shared mapping once more; advice goes along.
    void *second = mremap(pages, 0, size, MREMAP_MAYMOVE);
    return second != MAP_FAILED ? static_cast<const uint8_t *>(second) : nullptr;
#endif
  }

  void unmap(const uint8_t *mapping, size_t size) override {
    (void)munmap(const_cast<uint8_t *>(mapping), size);
  }

  int guarded(const uint8_t *bytes, size_t size, void (*body)(void *), void *ctx) override {
    return run_guarded(bytes, size, body, ctx) ? 0 : EIO;
  }

  uint64_t now_ns() override {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<uint64_t>(std::chrono::nanoseconds(now).count());
  }

  bool faulted() override {
#if defined(RUSAGE_THREAD)
    static thread_local long before = 0;
    rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) != 0) return true;
    return std::exchange(before, usage.ru_majflt) != usage.ru_majflt;
#else
    return true;
#endif
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
