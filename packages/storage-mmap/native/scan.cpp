#include "scan.h"

#include <annulus/mapped_vector.h>

#include <optional>

namespace annulus {

namespace {

/// Scans that stay wary after one that found something missing.
constexpr uint32_t kWaryScans = 32;
/// Vectors between two looks at the clock, which costs 25 ns.
constexpr size_t kClockStride = 4;
/// Longer than this for a group of vectors makes one ask whether it waited: page faults on cached
/// pages take about 1 µs, the fastest disks 50.
constexpr uint64_t kPatienceNs = 40'000;

}  // namespace

struct Scanner::Progress {
  bool cold;
  size_t asked;        // first vector not yet looked for
  size_t missing = 0;  // vectors that were not in memory
  size_t reads = 0;
  size_t delivered = 0;
  size_t timed = 0;  // first vector since the last look at the clock
  uint64_t time = 0;
};

size_t Scanner::scan(Batch &batch, size_t begin, size_t end, bool leave_when_cold) {
  const annulus_score_request &request = batch.request();
  std::optional<ExactQuery> query;
  if (batch.work == Work::score) {
    query.emplace(request.metric, request.query, table_.layout().dimension);
  }
  Progress progress;
  progress.cold = cold();
  progress.asked = begin;
  progress.timed = begin;
  // Looking ahead tells exactly what is missing; without it the clock must go on telling.
  const auto watching = [&] { return !progress.cold || lookahead_ == 0; };
  if (watching()) progress.time = ops_.now_ns();
  size_t index = begin;
  for (; index < end; ++index) {
    if (!may_go_on(batch, index, request.slots[index])) {
      index = end;
      break;
    }
    if (progress.cold) {
      if (leave_when_cold) break;
      look_ahead(batch, progress, index, end);
    }
    if (index + 1 < end) prefetch_lines(request.slots[index + 1]);
    ++progress.reads;
    if (!read_one(batch, query ? &*query : nullptr, index)) {
      index = end;
      break;
    }
    ++progress.delivered;
    const size_t group = progress.cold ? 1 : kClockStride;
    if (watching() && index + 1 - progress.timed >= group) watch_clock(progress, index + 1);
  }
  if (watching() && progress.timed < index) watch_clock(progress, index);
  conclude(progress, begin, index);
  return index;
}

bool Scanner::may_go_on(Batch &batch, size_t index, uint32_t slot) const {
  if (batch.failed_before(index)) return false;
  int32_t status = ANNULUS_OK;
  if (slot >= table_.slots()) status = ANNULUS_OUT_OF_RANGE;
  if (batch.aborted()) status = ANNULUS_ABORTED;
  if (stopping_.load(std::memory_order_relaxed)) status = ANNULUS_CLOSED;
  if (status == ANNULUS_OK) return true;
  batch.fail(index, status, 0, slot);
  return false;
}

bool Scanner::read_one(Batch &batch, const ExactQuery *query, size_t index) {
  const annulus_score_request &request = batch.request();
  const uint32_t slot = request.slots[index];
  const StoredVector stored = table_.at(slot);
  const size_t size = table_.layout().vector_bytes();
  const size_t width = query != nullptr ? 1 : table_.layout().dimension;
  MappedVector vector{stored.bytes, size, slot, stored.checksum, query, request.out + index * width,
                      false};
  void (*const visit)(void *) = query != nullptr ? &MappedVector::score : &MappedVector::copy;
  const int error = ops_.guarded(stored.bytes, size, visit, &vector);
  if (error != 0) {
    batch.fail(index, ANNULUS_IO, error, slot);
  } else if (!vector.intact) {
    batch.fail(index, ANNULUS_CORRUPT, 0, slot);
  }
  return error == 0 && vector.intact;
}

void Scanner::prefetch_lines(uint32_t slot) const {
  if (slot >= table_.slots()) return;
  const StoredVector stored = table_.at(slot);
  prefetch_vector(stored.bytes, table_.layout().vector_bytes());
}

// One more vector asked for with each one read keeps `lookahead_` of them under way.
void Scanner::look_ahead(const Batch &batch, Progress &progress, size_t index, size_t end) {
  if (progress.asked < index) progress.asked = index;
  const size_t limit = end - index > lookahead_ ? index + lookahead_ : end;
  const uint64_t slots = table_.slots();
  for (; progress.asked < limit; ++progress.asked) {
    const uint32_t slot = batch.request().slots[progress.asked];
    if (slot >= slots) continue;
    const StoredVector stored = table_.at(slot);
    const size_t size = table_.layout().vector_bytes();
    if (ops_.resident(stored.bytes, size)) continue;
    ++progress.missing;
    ops_.prefetch(stored.bytes, size);
  }
}

void Scanner::watch_clock(Progress &progress, size_t next) {
  const size_t group = next - progress.timed;
  const uint64_t now = ops_.now_ns();
  // A nanosecond a byte is ten times what reading from memory takes.
  const uint64_t patience = kPatienceNs + group * table_.layout().vector_bytes();
  if (now - progress.time > patience && ops_.faulted()) {
    ++progress.missing;
    progress.cold = true;
  }
  progress.time = now;
  progress.timed = next;
}

void Scanner::conclude(const Progress &progress, size_t begin, size_t end) {
  counters_.reads.fetch_add(progress.reads, std::memory_order_relaxed);
  counters_.vectors.fetch_add(progress.delivered, std::memory_order_relaxed);
  const size_t waited =
      progress.missing < progress.delivered ? progress.missing : progress.delivered;
  counters_.resident_hits.fetch_add(progress.delivered - waited, std::memory_order_relaxed);
  if (progress.missing > 0) {
    if (wary_.load(std::memory_order_relaxed) != kWaryScans) {
      wary_.store(kWaryScans, std::memory_order_relaxed);
    }
  } else if (progress.cold && begin < end) {
    uint32_t wary = wary_.load(std::memory_order_relaxed);
    if (wary > 0) wary_.compare_exchange_strong(wary, wary - 1, std::memory_order_relaxed);
  }
}

}  // namespace annulus
