// Whether this process may use io_uring: by trying, for versions and settings tell less than the
// kernel's answer.
#pragma once

#include "ring.h"

namespace annulus::uring {

struct ProbeResult {
  bool supported = false;
  RingStage stage = RingStage::setup;
  int error = 0;
  uint32_t setup_flags = 0;
};

/// Sets up a small ring, reads once through it, and closes it again.
ProbeResult probe(RingOps &ops);

}  // namespace annulus::uring
