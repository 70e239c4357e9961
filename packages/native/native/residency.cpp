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
/// Pages read ahead at once: what the kernel takes in one request on any file system.
constexpr size_t kChunk = 32;

bool may_know(const struct stat &status) {
  return status.st_uid == ::geteuid() || ::geteuid() == 0;
}

bool is_missing(MincoreByte seen) { return (seen & 1) == 0; }

/// Asks for every chunk of the `count` pages at page `first` in which one is missing. Returns what
/// is left of `ahead`.
uint64_t read_ahead(int fd, size_t first, const MincoreByte *seen, size_t count, uint64_t ahead) {
#if defined(__linux__)
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  for (size_t at = 0; at < count; at += kChunk) {
    const size_t pages = std::min(count - at, kChunk);
    if (std::none_of(seen + at, seen + at + pages, is_missing)) continue;
    if (ahead < pages * page) return 0;
    ahead -= pages * page;
    // A hint: whoever reads the pages meets what is wrong with them.
    (void)::posix_fadvise(fd, static_cast<off_t>((first + at) * page),
                          static_cast<off_t>(pages * page), POSIX_FADV_WILLNEED);
  }
  return ahead;
#else
  (void)fd, (void)first, (void)seen, (void)count, (void)ahead;
  return 0;
#endif
}

bool mapping_is_resident(int fd, char *pages, size_t size, uint64_t ahead, const int32_t *abort) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  bool resident = true;
  const auto seen = std::make_unique<MincoreByte[]>(kStride);
  for (size_t at = 0; at < size; at += kStride * page) {
    if (__atomic_load_n(abort, __ATOMIC_RELAXED) != 0) return false;
    const size_t bytes = std::min(size - at, kStride * page);
    if (::mincore(pages + at, bytes, seen.get()) != 0) return false;
    const size_t count = (bytes + page - 1) / page;
    if (std::none_of(seen.get(), seen.get() + count, is_missing)) continue;
    resident = false;
    ahead = read_ahead(fd, at / page, seen.get(), count, ahead);
    if (ahead == 0) break;
  }
  return resident;
}

bool descriptor_is_resident(int fd, uint64_t ahead, const int32_t *abort) {
  struct stat status;
  if (::fstat(fd, &status) != 0 || !may_know(status)) return false;
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return true;
  // No byte of it is touched, so a file cut short meanwhile does no harm.
  void *const mapping = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (mapping == MAP_FAILED) return false;
  const bool resident = mapping_is_resident(fd, static_cast<char *>(mapping), size, ahead, abort);
  ::munmap(mapping, size);
  return resident;
}

}  // namespace

bool file_is_resident(const char *path, uint64_t ahead, const int32_t *abort) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool resident = descriptor_is_resident(fd, ahead, abort);
  ::close(fd);
  return resident;
}

}  // namespace annulus

#else

namespace annulus {
bool file_is_resident(const char *, uint64_t, const int32_t *) { return false; }
}  // namespace annulus

#endif
