// What the reader asks of mapped memory. The seam under it: a test injects one that fails, waits or
// pretends to be cold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace annulus {

class MapOps {
 public:
  virtual ~MapOps() = default;

  /// Whether every page of the bytes is in memory. True when the system cannot tell.
  virtual bool resident(const uint8_t *bytes, size_t size) = 0;

  /// Starts bringing the bytes into memory without waiting for them. A hint; it cannot fail.
  virtual void prefetch(const uint8_t *bytes, size_t size) = 0;

  /// A second mapping of the same pages, with a life of its own. Null when there is no room.
  virtual const uint8_t *duplicate(const uint8_t *mapping, size_t size) = 0;

  /// Ends a mapping that `duplicate` made.
  virtual void unmap(const uint8_t *mapping, size_t size) = 0;

  /// Runs `body(ctx)`, which reads these bytes. 0, or the errno of the failed read; `body` was then
  /// left in the middle (see fault_guard.h).
  virtual int guarded(const uint8_t *bytes, size_t size, void (*body)(void *), void *ctx) = 0;

  /// A clock that never goes back, in nanoseconds.
  virtual uint64_t now_ns() = 0;

  /// Whether this thread has waited for a page since it last asked. True when the system cannot
  /// tell. Dear; for when the clock says that something took long, which may also be another
  /// thread's turn.
  virtual bool faulted() = 0;
};

/// The operating system's. Null when the fault guard cannot be installed.
std::unique_ptr<MapOps> system_map_ops();

}  // namespace annulus
