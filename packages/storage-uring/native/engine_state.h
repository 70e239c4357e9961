// What the ring thread shares with everyone else.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "cache_fill.h"
#include "cache_pass.h"
#include "hot_vectors.h"
#include "inbox.h"
#include "io_queue.h"
#include "rewrites.h"
#include "ring_ops.h"
#include "ring_queue.h"
#include "segment_table.h"

namespace annulus::uring {

struct EngineOptions {
  Layout layout{};
  Direct direct = Direct::automatic;
  bool fit = false;               ///< where `direct` is automatic: the vectors fit into memory
  uint64_t cache_bytes = 0;       ///< of hot vectors, for reads past the page cache
  uint32_t queue_depth = 256;     ///< reads in flight, of all requests together
  uint32_t fallback_threads = 8;  ///< that call pread when there is no ring
  bool join_reads = true;         ///< one read for the same slot of concurrent requests
  uint64_t merge_gap = 4096;      ///< bytes read along rather than apart
  RingTuning ring;
};

/// What `start` found.
struct StartResult {
  bool ring = false;  ///< false: reads go through pread, because of `error` at `stage`
  RingStage stage = RingStage::setup;
  int error = 0;
  uint32_t setup_flags = 0;
  bool registered_buffers = false;
  bool registered_files = false;
};

/// Written by the ring thread only.
struct Counters {
  using Counter = std::atomic<uint64_t>;
  Counter reads{0}, read_bytes{0}, vectors{0}, joined{0}, errors{0}, resumed{0}, reread{0};
  Counter in_flight{0}, in_flight_max{0}, system_calls{0};

  static void add(Counter &counter, uint64_t n) {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
};

struct EngineState {
  EngineState(const EngineOptions &options, std::unique_ptr<RingOps> ring_ops,
              std::unique_ptr<MapOps> map_ops)
      : options(options),
        ops(std::move(ring_ops)),
        maps(options.direct == Direct::always ? nullptr : std::move(map_ops)),
        segments(options.layout, options.direct, maps.get()),
        fill(options.direct == Direct::automatic && options.fit,
             options.direct != Direct::automatic, options.layout.vector_bytes, counters.in_flight),
        hot(options.direct == Direct::never ? 0 : options.cache_bytes, options.layout.dimension,
            rewrites) {}

  /// Whether reads go past the page cache.
  bool direct() const { return segments.can_be_direct(); }

  const EngineOptions options;
  const std::unique_ptr<RingOps> ops;
  const std::unique_ptr<MapOps> maps;  ///< nullptr: nothing is mapped
  Counters counters;
  SegmentTable segments;
  CacheFill fill;
  Rewrites rewrites;
  HotVectors hot;
  CachePass cache{segments, maps.get(), hot, fill, rewrites};
  Inbox inbox;
  std::atomic<uint64_t> slots{0};         ///< one past the highest slot written
  std::atomic<bool> asleep{false};        ///< the ring thread waits, or is about to
  std::atomic<bool> accepting{false};     ///< from start to close
  std::atomic<uint32_t> visitors{0};      ///< callers on threads of their own; close waits for them
  std::atomic<bool> closing{false};       ///< finish what was accepted, then end
  std::atomic<bool> stopping{false};      ///< and start no further reads
  std::atomic<IoQueue *> queue{nullptr};  ///< the one that serves
  /// All there have been, until the thread has ended and no visitor can wake it any more.
  std::vector<std::unique_ptr<IoQueue>> queues;
  std::atomic<int> broken{0};  ///< the errno after which the ring gave way to the fallback

  void use(std::unique_ptr<IoQueue> next) {
    queues.push_back(std::move(next));
    queue.store(queues.back().get(), std::memory_order_release);
  }

  void drop_queues() {
    queue.store(nullptr, std::memory_order_release);
    queues.clear();
  }
};

}  // namespace annulus::uring
