// Whether a stored vector is what was written: the one comparison that every reader makes before
// it uses a vector.
#ifndef ANNULUS_VERIFIED_H
#define ANNULUS_VERIFIED_H

#include <annulus/crc32c.h>

#include <cstddef>
#include <cstdint>

namespace annulus {

inline bool is_intact(uint32_t slot, const void *bytes, size_t size, uint32_t checksum) {
#if defined(ANNULUS_UNVERIFIED)  // only for benchmarks/verification, to see what it costs
  (void)slot, (void)bytes, (void)size, (void)checksum;
  return true;
#else
  return crc32c(slot, bytes, size) == checksum;
#endif
}

}  // namespace annulus

#endif
