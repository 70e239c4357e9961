// Exact distances and vectors from mapped segment files, on threads that may wait for page faults.
//
// Reference-counted like every table of abi.h. The reader owns mappings of its own, which end when
// `close` reports or `join` returns; the checksums are the owner's, who keeps them until then.
#pragma once

#include <annulus/abi.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "reader_threads.h"
#include "scan.h"

namespace annulus {

struct MmapReaderOptions {
  uint32_t threads = 8;
  /// Whether cold vectors of a batch are asked for together before they are touched.
  bool prefetch = true;
  /// The thread that must never touch mapped memory; requests from others may be served in place.
  std::thread::id event_loop{};
};

struct MmapReaderStats {
  uint64_t reads = 0;
  uint64_t vectors = 0;
  uint64_t in_flight = 0;
  uint64_t resident_hits = 0;
  uint64_t errors = 0;
};

class MmapReader {
 public:
  /// Starts with one reference, the caller's. Throws std::bad_alloc.
  static MmapReader *create(const MapLayout &layout, const MmapReaderOptions &options,
                            std::unique_ptr<MapOps> ops);

  const annulus_reader &table() const { return table_; }

  /// Adds a segment, mapping its `segment_bytes` once more: `mapping` may go when this returns.
  /// Same thread as `publish`; see SegmentTable. ANNULUS_OK, ANNULUS_OUT_OF_MEMORY when there is no
  /// room for another mapping, ANNULUS_OUT_OF_RANGE when the table is full.
  int32_t add_segment(const uint8_t *mapping, const uint32_t *checksums);
  /// The same for a file of at least `segment_bytes`, whose descriptor may be closed afterwards.
  int32_t add_segment(int fd, const uint32_t *checksums);
  bool publish(uint64_t slots) { return segments_.publish(slots); }
  const MapLayout &layout() const { return segments_.layout(); }

  /// Any thread. Distances, or the vectors themselves, of `request->slots`; calls `request->done`
  /// once, on a reader thread or before returning. Failures name the first slot in the request's
  /// order.
  void submit(annulus_score_request *request, Work work);

  /// Lets what has begun come to its end; later requests end with ANNULUS_CLOSED. `closed(ctx)` is
  /// called once when the mappings are gone. Once only.
  void close(void (*closed)(void *ctx), void *ctx);

  /// Ends requests under way with ANNULUS_CLOSED as soon as their current vector is read.
  void stop() { scanner_.stop(); }

  /// Closes and waits until all threads have ended and the mappings are gone.
  void join();

  MmapReaderStats stats() const;

  static void retain(void *self);
  static void release(void *self);

 private:
  int32_t adopt(const uint8_t *own, const uint32_t *checksums);
  MmapReader(const MapLayout &layout, const MmapReaderOptions &options,
             std::unique_ptr<MapOps> ops);
  ~MmapReader();
  static uint64_t slots(void *self);
  static void score(void *self, annulus_score_request *request);
  static void run_part(void *self, Batch *batch, size_t begin, size_t end);

  bool may_serve_in_place(const annulus_score_request &request) const;
  size_t part_size() const;
  void account(Batch *batch, size_t vectors);
  void conclude(Batch *batch);
  static void on_drained(void *self);
  void unmap();

  SegmentTable segments_;
  const MmapReaderOptions options_;
  const size_t part_vectors_;
  const std::unique_ptr<MapOps> ops_;
  Scanner scanner_;
  ReaderThreads threads_;
  annulus_reader table_;
  void (*closed_)(void *ctx) = nullptr;
  void *closed_ctx_ = nullptr;
  bool unmapped_ = false;
  std::atomic<uint32_t> references_{1};
  std::atomic<uint64_t> in_flight_{0};
  std::atomic<uint64_t> errors_{0};
};

}  // namespace annulus
