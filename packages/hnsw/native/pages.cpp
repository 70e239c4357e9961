#include "pages.h"

#include <annulus/aligned.h>

namespace annulus::hnsw {

void Pages::postpone_huge_pages() const {
  if (huge_) annulus::postpone_huge_pages(data_, bytes_);
}

void Pages::advise_huge_pages() const {
  if (huge_) annulus::advise_huge_pages(data_, bytes_);
}

bool Pages::allocate(size_t bytes, bool huge) {
  data_ = map_pages(bytes, huge ? huge_page_bytes : 1);
  if (data_ == nullptr) return false;
  bytes_ = bytes;
  huge_ = huge;
  advise_huge_pages();
  return true;
}

Pages::~Pages() {
  if (data_ != nullptr) unmap_pages(data_, bytes_);
}

}  // namespace annulus::hnsw
