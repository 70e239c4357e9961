#include "scattered_write.h"

#include <annulus/file_io.h>

#include <cerrno>
#include <ctime>

namespace annulus {

#if defined(_WIN32)

ScatteredOutcome write_scattered(int, const uint8_t *, const ScatteredPart *, size_t) {
  return {ENOSYS, 0.0};
}

#else

namespace {

double thread_ms() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

}  // namespace

ScatteredOutcome write_scattered(int fd, const uint8_t *memory, const ScatteredPart *parts,
                                 size_t count) {
  ScatteredOutcome outcome;
  const double start = thread_ms();
  for (size_t i = 0; i < count && outcome.error == 0; ++i) {
    const ScatteredPart &part = parts[i];
    if (!write_all(fd, memory + part.offset, part.bytes, part.position)) outcome.error = errno;
  }
  outcome.cpu_ms = thread_ms() - start;
  return outcome;
}

#endif

}  // namespace annulus
