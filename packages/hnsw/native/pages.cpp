#include "pages.h"

#include <annulus/aligned.h>

#if defined(_WIN32)
#include <windows.h>
#else
#include <sys/mman.h>
#endif

namespace annulus::hnsw {

void Pages::postpone_huge_pages() const {
  if (huge_) annulus::postpone_huge_pages(data_, bytes_);
}

void Pages::advise_huge_pages() const {
  if (huge_) annulus::advise_huge_pages(data_, bytes_);
}

#if defined(_WIN32)

bool Pages::allocate(size_t bytes, bool) {
  data_ = base_ = VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
  bytes_ = mapped_ = bytes;
  return data_ != nullptr;
}

Pages::~Pages() {
  if (base_ != nullptr) VirtualFree(base_, 0, MEM_RELEASE);
}

#else

bool Pages::allocate(size_t bytes, bool huge) {
  // A mapping aligned to huge pages is cut out of a larger one; untouched edges cost address space
  // only.
  mapped_ = huge ? bytes + huge_page_bytes : bytes;
  base_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base_ == MAP_FAILED) {
    base_ = nullptr;
    return false;
  }
  bytes_ = bytes;
  data_ = base_;
  if (huge) {
    const auto address = reinterpret_cast<uintptr_t>(base_);
    data_ = reinterpret_cast<void *>((address + huge_page_bytes - 1) &
                                     ~(uintptr_t{huge_page_bytes} - 1));
    huge_ = true;
    advise_huge_pages();
  }
  return true;
}

Pages::~Pages() {
  if (base_ != nullptr) munmap(base_, mapped_);
}

#endif

}  // namespace annulus::hnsw
