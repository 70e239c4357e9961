// What readers of mapped files ask of the system. The seam under them: a test injects one that
// fails, waits or pretends to be cold. POSIX.
#ifndef ANNULUS_MAP_OPS_H
#define ANNULUS_MAP_OPS_H

#include <annulus/fault_guard.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#if defined(__APPLE__)
#include <mach/mach.h>
#endif

namespace annulus {

class MapOps {
 public:
  virtual ~MapOps() = default;

  /// Whether every page of the bytes is in memory. True when the system cannot tell.
  virtual bool resident(const uint8_t *bytes, size_t size) = 0;

  /// Starts bringing the bytes into memory without waiting for them. A hint; it cannot fail.
  virtual void prefetch(const uint8_t *bytes, size_t size) = 0;

  /// Maps the first `size` bytes of a file, shared, read only, to be read at random. The descriptor
  /// may be closed afterwards. Null when there is no room.
  virtual const uint8_t *map(int fd, size_t size) = 0;

  /// A second mapping of the same pages, with a life of its own. Null when there is no room.
  virtual const uint8_t *duplicate(const uint8_t *mapping, size_t size) = 0;

  /// Ends a mapping that `map` or `duplicate` made.
  virtual void unmap(const uint8_t *mapping, size_t size) = 0;

  /// Runs `body(ctx)`, which reads these bytes. 0, or the errno of the failed read; `body` was then
  /// left in the middle (see fault_guard.h).
  virtual int guarded(const uint8_t *bytes, size_t size, void (*body)(void *), void *ctx) = 0;

  /// A clock that never goes back, in nanoseconds.
  virtual uint64_t now_ns() = 0;

  /// Whether this thread has waited for a page since it last asked. True when the system cannot
  /// tell. Dear; for when the clock says that something took long, which may also be another
  /// thread's turn.
  virtual bool faulted() = 0;
};

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

  const uint8_t *map(int fd, size_t size) override {
    void *pages = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    if (pages == MAP_FAILED) return nullptr;
    (void)madvise(pages, size, MADV_RANDOM);
    return static_cast<const uint8_t *>(pages);
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
#if defined(__APPLE__)
  using MincoreByte = char;
#else
  using MincoreByte = unsigned char;
#endif
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

/// The operating system's. Null when the fault guard cannot be installed.
inline std::unique_ptr<MapOps> system_map_ops() {
  if (!install_fault_guard()) return nullptr;
  return std::make_unique<SystemMapOps>();
}

}  // namespace annulus

#endif
