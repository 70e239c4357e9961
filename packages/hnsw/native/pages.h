// Zeroed memory in whole pages, on huge pages where the system allows it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace annulus::hnsw {

class Pages {
 public:
  Pages() = default;
  ~Pages();
  Pages(const Pages &) = delete;
  Pages &operator=(const Pages &) = delete;

  /// False when there is no memory. `huge` asks for huge pages; it is only advice.
  bool allocate(size_t bytes, bool huge);
  /// Before memory that was asked for on huge pages is filled at once, and after that
  /// (annulus/aligned.h).
  void postpone_huge_pages() const;
  void advise_huge_pages() const;
  void *data() const { return data_; }
  size_t size() const { return bytes_; }

 private:
  void *data_ = nullptr;
  size_t bytes_ = 0;
  bool huge_ = false;
};

}  // namespace annulus::hnsw
