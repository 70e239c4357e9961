#include "probe.h"

#include <cerrno>

#include "ring_queue.h"

namespace annulus::uring {

ProbeResult probe(RingOps &ops) {
#if defined(__linux__)
  RingTuning tuning;
  tuning.registered_buffers = false;
  tuning.registered_files = false;
  RingQueue queue(ops, tuning);
  const int error = queue.open(1, nullptr, 0);
  const ProbeResult result{error == 0, queue.stage(), error, queue.setup_flags()};
  queue.finish();
  return result;
#else
  (void)ops;
  return {false, RingStage::setup, ENOSYS, 0};
#endif
}

}  // namespace annulus::uring
