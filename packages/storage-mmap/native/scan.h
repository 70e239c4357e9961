// Reads the vectors of a part of a batch, one after the other, where they are mapped.
//
// Cold memory is the subtle part. A page fault waits for one page; forty of them in a row wait
// forty times. So a scan that expects to wait looks ahead: it asks which vectors are missing
// (mincore) and has them brought in together (MADV_WILLNEED) before it touches the first. When all
// is resident, looking costs more than the scoring itself, so a warm scan only keeps an eye on the
// clock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <annulus/map_ops.h>
#include "batch.h"
#include "segment_table.h"

namespace annulus {

struct ScanCounters {
  std::atomic<uint64_t> reads{0};          // vectors touched, failed ones included
  std::atomic<uint64_t> vectors{0};        // vectors delivered
  std::atomic<uint64_t> resident_hits{0};  // delivered without waiting, as far as one can tell
};

class Scanner {
 public:
  /// `lookahead`: vectors asked for before they are needed; 0 leaves cold memory to page faults.
  Scanner(const SegmentTable &table, MapOps &ops, size_t lookahead)
      : table_(table), ops_(ops), lookahead_(lookahead) {}

  /// Whether reads have lately had to wait.
  bool cold() const { return wary_.load(std::memory_order_relaxed) > 0; }

  /// Reads vectors [begin, end) of the batch; failures are recorded in it. Returns where it ended:
  /// `end`, or with `leave_when_cold` the first vector not yet read once a read had to wait.
  size_t scan(Batch &batch, size_t begin, size_t end, bool leave_when_cold);

  /// Makes every scan, running or to come, end at once with ANNULUS_CLOSED.
  void stop() { stopping_.store(true, std::memory_order_relaxed); }

  const ScanCounters &counters() const { return counters_; }

 private:
  struct Progress;
  bool may_go_on(Batch &batch, size_t index, uint32_t slot) const;
  bool read_one(Batch &batch, const class ExactQuery *query, size_t index);
  void prefetch_lines(uint32_t slot) const;
  void look_ahead(const Batch &batch, Progress &progress, size_t index, size_t end);
  void watch_clock(Progress &progress, size_t next);
  void conclude(const Progress &progress, size_t begin, size_t end);

  const SegmentTable &table_;
  MapOps &ops_;
  const size_t lookahead_;
  std::atomic<bool> stopping_{false};
  // Scans that will still look ahead although the last ones found everything resident.
  std::atomic<uint32_t> wary_{0};
  ScanCounters counters_;
};

}  // namespace annulus
