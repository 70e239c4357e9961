// Large blocks in pages of their own, which go back to the system when they are freed.
//
// malloc does that for large blocks only until it has freed one: it takes the size of that for the
// limit from then on (up to 32 MiB with glibc), and cuts whatever is smaller out of one heap, where
// anything that lives keeps the freed memory before it.
#ifndef ANNULUS_OWN_PAGES_H
#define ANNULUS_OWN_PAGES_H

#include <cstddef>
#include <cstdint>

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace annulus {

#if defined(_WIN32)

/// Zeroed memory, aligned to 64 KiB whatever `alignment` says; null when there is none.
inline void *map_pages(size_t bytes, size_t) noexcept {
  return VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

inline void unmap_pages(void *block, size_t) noexcept { VirtualFree(block, 0, MEM_RELEASE); }

#else

inline size_t whole_pages(size_t bytes) noexcept {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

/// Zeroed memory at a multiple of `alignment`, a power of two; null when there is none.
inline void *map_pages(size_t bytes, size_t alignment) noexcept {
  const size_t size = whole_pages(bytes);
  // What is mapped begins at a page. For more the block is cut out of a larger mapping.
  const size_t spare = alignment > whole_pages(1) ? alignment : 0;
  if (size < bytes || size + spare < size) return nullptr;
  void *mapped =
      mmap(nullptr, size + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  if (spare == 0) return mapped;
  const size_t over = reinterpret_cast<uintptr_t>(mapped) % alignment;
  const size_t before = over == 0 ? 0 : alignment - over;
  auto *block = static_cast<uint8_t *>(mapped) + before;
  if (before > 0) munmap(mapped, before);
  munmap(block + size, spare - before);
  return block;
}

/// @param bytes as they were given to `map_pages`.
inline void unmap_pages(void *block, size_t bytes) noexcept { munmap(block, whole_pages(bytes)); }

#endif

}  // namespace annulus

#endif
