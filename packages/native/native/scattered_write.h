// Many parts of one piece of memory, each written at its own place in a file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace annulus {

struct ScatteredPart {
  size_t offset = 0;      // of its first byte in the memory
  size_t bytes = 0;       //
  uint64_t position = 0;  // in the file
};

struct ScatteredOutcome {
  int error = 0;        // errno of the write that failed; those after it were not tried
  double cpu_ms = 0.0;  // that this thread took
};

/// Writes the parts one after the other, whole, resuming short and interrupted writes. Any thread.
ScatteredOutcome write_scattered(int fd, const uint8_t *memory, const ScatteredPart *parts,
                                 size_t count);

}  // namespace annulus
