// A real mapping of a temporary file that the test may cut and write under it.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "check.h"

namespace annulus_test {

inline size_t page() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

/// A mapped temporary file, removed at the end.
class MappedFile {
 public:
  explicit MappedFile(size_t bytes) : bytes_(bytes) {
    char name[] = "/tmp/annulus-map-XXXXXX";
    descriptor_ = mkstemp(name);
    CHECK(descriptor_ >= 0);
    unlink(name);
    CHECK(ftruncate(descriptor_, static_cast<off_t>(bytes)) == 0);
    void *map = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, descriptor_, 0);
    CHECK(map != MAP_FAILED);
    data_ = static_cast<const uint8_t *>(map);
  }
  ~MappedFile() {
    unmap();
    close(descriptor_);
  }
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  void unmap() {
    if (data_ != nullptr) munmap(const_cast<uint8_t *>(data_), bytes_);
    data_ = nullptr;
  }
  void cut(size_t bytes) { CHECK(ftruncate(descriptor_, static_cast<off_t>(bytes)) == 0); }
  void write(const void *bytes, size_t size, size_t at) {
    CHECK(pwrite(descriptor_, bytes, size, static_cast<off_t>(at)) == static_cast<ssize_t>(size));
  }
  const uint8_t *data() const { return data_; }

 private:
  size_t bytes_;
  int descriptor_ = -1;
  const uint8_t *data_ = nullptr;
};

}  // namespace annulus_test
