// Memory for SIMD: vectors aligned to a cache line, large ones in pages of their own, to huge
// pages.
#ifndef ANNULUS_ALIGNED_H
#define ANNULUS_ALIGNED_H

#include <annulus/own_pages.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace annulus {

inline constexpr size_t cache_line_bytes = 64;
inline constexpr size_t huge_page_bytes = size_t{2} << 20;

/// Blocks from here on are aligned to huge pages and ask for them: random access to codes and graph
/// links misses the TLB far less (Linux; elsewhere only the alignment remains).
inline constexpr size_t huge_block_bytes = 2 * huge_page_bytes;

/// Blocks from here on have pages of their own: the system has them back as soon as they are freed.
inline constexpr size_t own_pages_bytes = size_t{1} << 20;

#if defined(__linux__) && defined(MADV_HUGEPAGE)
inline void advise_whole_huge_pages(void *block, size_t bytes, int advice) {
  const auto start = reinterpret_cast<uintptr_t>(block);
  const uintptr_t first = (start + huge_page_bytes - 1) / huge_page_bytes * huge_page_bytes;
  const uintptr_t end = (start + bytes) / huge_page_bytes * huge_page_bytes;
  if (first < end) (void)madvise(reinterpret_cast<void *>(first), end - first, advice);
}
#endif

/// Asks for huge pages for the whole pages within the block. A hint: failure changes nothing.
inline void advise_huge_pages(void *block, size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  advise_whole_huge_pages(block, bytes, MADV_HUGEPAGE);
#else
  (void)block;
  (void)bytes;
#endif
}

/// Takes that wish back until it is made again. A thread that first touches a huge page waits until
/// the system has moved others' memory out of its way; pages that are touched before the wish is
/// made are joined behind everybody's back. For memory that somebody is waiting to see filled.
inline void postpone_huge_pages(void *block, size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  advise_whole_huge_pages(block, bytes, MADV_NOHUGEPAGE);
#else
  (void)block;
  (void)bytes;
#endif
}

/// Has memory made present that is about to be filled, in one call for all the whole pages within
/// the block instead of a fault for each. A hint: what is not made present is when it is touched.
inline void make_present(void *block, size_t bytes) {
#if defined(__linux__) && defined(MADV_POPULATE_WRITE)
  constexpr size_t page_bytes = 4096;
  const auto start = reinterpret_cast<uintptr_t>(block);
  const uintptr_t first = (start + page_bytes - 1) / page_bytes * page_bytes;
  const uintptr_t end = (start + bytes) / page_bytes * page_bytes;
  if (first < end) (void)madvise(reinterpret_cast<void *>(first), end - first, MADV_POPULATE_WRITE);
#else
  (void)block;
  (void)bytes;
#endif
}

#if defined(__SANITIZE_ADDRESS__)
#define ANNULUS_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ANNULUS_ADDRESS_SANITIZER 1
#endif
#endif

/// Standard allocator with 64-byte alignment; throws std::bad_alloc like any other.
template <typename T>
class AlignedAllocator {
 public:
  using value_type = T;
  AlignedAllocator() = default;
  template <typename U>
  AlignedAllocator(const AlignedAllocator<U> &) noexcept {}

  T *allocate(size_t count) {
    if (count > std::numeric_limits<size_t>::max() / sizeof(T)) throw std::bad_array_new_length();
    const size_t bytes = count * sizeof(T);
    if (!has_own_pages(bytes)) {
      return static_cast<T *>(::operator new(bytes, std::align_val_t{alignment(bytes)}));
    }
    void *block = map_pages(bytes, alignment(bytes));
    if (block == nullptr) throw std::bad_alloc();
    if (bytes >= huge_block_bytes) advise_huge_pages(block, bytes);
    return static_cast<T *>(block);
  }
  void deallocate(T *block, size_t count) noexcept {
    const size_t bytes = count * sizeof(T);
    if (has_own_pages(bytes)) return unmap_pages(block, bytes);
    ::operator delete(block, std::align_val_t{alignment(bytes)});
  }

  template <typename U>
  bool operator==(const AlignedAllocator<U> &) const noexcept {
    return true;
  }
  template <typename U>
  bool operator!=(const AlignedAllocator<U> &) const noexcept {
    return false;
  }

 private:
  static constexpr size_t alignment(size_t bytes) {
    return bytes >= huge_block_bytes ? huge_page_bytes : cache_line_bytes;
  }
  static constexpr bool has_own_pages(size_t bytes) {
#if defined(ANNULUS_ADDRESS_SANITIZER)
    (void)bytes;
    return false;  // it watches the edges only of what it has allocated itself
#else
    return bytes >= own_pages_bytes;
#endif
  }
};

/// std::vector whose data() starts on a cache line.
template <typename T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

}  // namespace annulus

#endif
