// One batch of slots to read or to score: what the caller gives, and what the ring thread keeps
// about it.
#pragma once

#include <annulus/abi.h>
#include <annulus/distance.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace annulus::uring {

/// Belongs to the caller, with all it points to, until `done` was called: exactly once, on any
/// thread, possibly before `Engine::submit` returns.
struct Request {
  // From the caller.
  const uint32_t *slots = nullptr;
  size_t n = 0;
  float *out = nullptr;            ///< n distances, or n vectors when `query` is nullptr
  const float *query = nullptr;    ///< `dimension` floats, or nullptr to read
  uint32_t metric = 0;             ///< ANNULUS_METRIC_*
  const int32_t *abort = nullptr;  ///< may be nullptr; non-zero means stop early
  void (*done)(Request *request) = nullptr;
  void *ctx = nullptr;

  // Outcome, set before `done`.
  int32_t status = ANNULUS_OK;
  int32_t detail = 0;
  uint64_t slot = 0;

  // The ring thread's.
  Request *next = nullptr;
  std::optional<ExactQuery> exact;
  std::vector<uint64_t> window;  ///< slot << 32 | index, ascending: the stretch being planned
  size_t cursor = 0;             ///< into the window
  size_t windowed = 0;           ///< how many of the n slots went into windows
  size_t outstanding = 0;        ///< parts in flight
  uint32_t turn = 0;             ///< reads started since it came to the front
  bool queued = false;           ///< still has slots that no read covers
};

}  // namespace annulus::uring
