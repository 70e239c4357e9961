// Work in parts on the pool, in the background, without holding a worker for long.
#pragma once

#include <annulus/abi.h>
#include <annulus/held.h>

#include <cstddef>
#include <cstdint>
#include <functional>

namespace annulus {

/// How a run of parts ended.
enum class RunEnd { completed, aborted, out_of_memory };

/// Runs `work(part, lane)` once for each part in [0, parts) as background jobs, each job one part,
/// so that a search waits at most for one; then `done(end)` exactly once, on a worker. At most
/// `lanes` parts run at a time; parts with the same lane (< lanes) never overlap. `abort` (may be
/// null) is read between parts and must live until `done`.
void run_background(const Held<annulus_pool> &pool, size_t parts, size_t lanes,
                    const int32_t *abort, std::function<void(size_t part, size_t lane)> work,
                    std::function<void(RunEnd end)> done);

}  // namespace annulus
