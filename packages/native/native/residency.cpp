#include "residency.h"

#if defined(__linux__) || defined(__APPLE__)

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

namespace annulus {

namespace {

#if defined(__APPLE__)
using MincoreByte = char;
#else
using MincoreByte = unsigned char;
#endif

/// Pages asked about at once: 16 MiB, about 60 µs.
constexpr size_t kStride = 4096;

bool may_know(const struct stat &status) {
  return status.st_uid == ::geteuid() || ::geteuid() == 0;
}

bool mapping_is_resident(char *pages, size_t size, const int32_t *abort) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const auto seen = std::make_unique<MincoreByte[]>(kStride);
  for (size_t at = 0; at < size; at += kStride * page) {
    if (__atomic_load_n(abort, __ATOMIC_RELAXED) != 0) return false;
    const size_t bytes = std::min(size - at, kStride * page);
    if (::mincore(pages + at, bytes, seen.get()) != 0) return false;
    MincoreByte *const end = seen.get() + (bytes + page - 1) / page;
    if (!std::all_of(seen.get(), end, [](MincoreByte one) { return (one & 1) != 0; })) return false;
  }
  return true;
}

bool descriptor_is_resident(int fd, const int32_t *abort) {
  struct stat status;
  if (::fstat(fd, &status) != 0 || !may_know(status)) return false;
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return true;
  // No byte of it is touched, so a file cut short meanwhile does no harm.
  void *const mapping = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (mapping == MAP_FAILED) return false;
  const bool resident = mapping_is_resident(static_cast<char *>(mapping), size, abort);
  ::munmap(mapping, size);
  return resident;
}

}  // namespace

bool file_is_resident(const char *path, const int32_t *abort) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool resident = descriptor_is_resident(fd, abort);
  ::close(fd);
  return resident;
}

}  // namespace annulus

#else

namespace annulus {
bool file_is_resident(const char *, const int32_t *) { return false; }
}  // namespace annulus

#endif
