#include "mmap_reader.h"

#include <algorithm>
#include <new>
#include <utility>

namespace annulus {

namespace {

/// Vectors of a batch kept under way when memory is cold; more gains nothing on a local disk.
constexpr size_t kLookahead = 128;
/// A warm batch larger than this is shared among threads: about 100 µs of work each.
constexpr size_t kPartBytes = 768 * 1024;
/// Cold parts where nothing is prefetched: only other threads' faults overlap.
constexpr size_t kFaultingPart = 8;

size_t part_vectors_of(const MapLayout &layout) {
  return std::clamp<size_t>(kPartBytes / layout.vector_bytes(), 4, 4096);
}

void refuse(annulus_score_request *request, int32_t status) {
  request->status = status;
  request->detail = 0;
  request->slot = 0;
  request->done(request);
}

}  // namespace

MmapReader *MmapReader::create(const MapLayout &layout, const MmapReaderOptions &options,
                               std::unique_ptr<MapOps> ops) {
  return new MmapReader(layout, options, std::move(ops));
}

MmapReader::MmapReader(const MapLayout &layout, const MmapReaderOptions &options,
                       std::unique_ptr<MapOps> ops)
    : segments_(layout),
      options_(options),
      part_vectors_(part_vectors_of(layout)),
      ops_(std::move(ops)),
      scanner_(segments_, *ops_, options.prefetch ? kLookahead : 0),
      threads_(options.threads, &MmapReader::run_part, this) {
  table_ = {{ANNULUS_ABI_MAGIC, ANNULUS_KIND_READER, sizeof(annulus_reader), ANNULUS_ABI_VERSION},
            this,
            &MmapReader::retain,
            &MmapReader::release,
            layout.dimension,
            &MmapReader::slots,
            &MmapReader::score};
}

// Threads are long gone when the owner keeps its promise; this is for the one who never closed.
MmapReader::~MmapReader() {
  stop();
  join();
}

int32_t MmapReader::add_segment(const uint8_t *mapping, const uint32_t *checksums) {
  return adopt(ops_->duplicate(mapping, layout().segment_bytes), checksums);
}

int32_t MmapReader::add_segment(int fd, const uint32_t *checksums) {
  return adopt(ops_->map(fd, layout().segment_bytes), checksums);
}

int32_t MmapReader::adopt(const uint8_t *own, const uint32_t *checksums) {
  if (own == nullptr) return ANNULUS_OUT_OF_MEMORY;
  if (segments_.add(own, checksums)) return ANNULUS_OK;
  ops_->unmap(own, layout().segment_bytes);
  return ANNULUS_OUT_OF_RANGE;
}

void MmapReader::submit(annulus_score_request *request, Work work) {
  if (!threads_.begin()) return refuse(request, ANNULUS_CLOSED);
  in_flight_.fetch_add(request->n, std::memory_order_relaxed);
  auto *batch = new (std::nothrow) Batch(request, work);
  if (batch == nullptr) {
    in_flight_.fetch_sub(request->n, std::memory_order_relaxed);
    refuse(request, ANNULUS_OUT_OF_MEMORY);
    return threads_.end();
  }
  if (request->n == 0) return conclude(batch);
  if (may_serve_in_place(*request)) {
    const size_t read = scanner_.scan(*batch, 0, request->n, true);
    batch->next = read;
    if (batch->account(read)) return conclude(batch);
  }
  batch->part = part_size();
  if (threads_.enqueue(batch)) return;
  batch->fail(batch->next, ANNULUS_OUT_OF_MEMORY, 0, 0);
  account(batch, batch->size() - batch->next);
}

// When everything has lately been in memory, scoring a small batch takes less than waking a thread.
bool MmapReader::may_serve_in_place(const annulus_score_request &request) const {
  return request.n <= part_vectors_ / 4 && !scanner_.cold() &&
         options_.event_loop != std::thread::id() &&
         options_.event_loop != std::this_thread::get_id();
}

size_t MmapReader::part_size() const {
  return scanner_.cold() && !options_.prefetch ? kFaultingPart : part_vectors_;
}

void MmapReader::run_part(void *self, Batch *batch, size_t begin, size_t end) {
  auto *reader = static_cast<MmapReader *>(self);
  reader->scanner_.scan(*batch, begin, end, false);
  reader->account(batch, end - begin);
}

void MmapReader::account(Batch *batch, size_t vectors) {
  if (batch->account(vectors)) conclude(batch);
}

void MmapReader::conclude(Batch *batch) {
  in_flight_.fetch_sub(batch->size(), std::memory_order_relaxed);
  if (batch->damaged()) errors_.fetch_add(1, std::memory_order_relaxed);
  batch->settle();
  delete batch;
  threads_.end();
}

void MmapReader::close(void (*closed)(void *ctx), void *ctx) {
  closed_ = closed;
  closed_ctx_ = ctx;
  threads_.close(&MmapReader::on_drained, this);
}

void MmapReader::on_drained(void *self) {
  auto *reader = static_cast<MmapReader *>(self);
  reader->unmap();
  reader->closed_(reader->closed_ctx_);
}

void MmapReader::join() {
  threads_.join();
  unmap();
}

// Unmapping 256 MiB that have been read takes 11 to 17 ms, so `close` has it done on a reader
// thread.
void MmapReader::unmap() {
  if (std::exchange(unmapped_, true)) return;
  for (uint32_t i = 0; i < segments_.segments(); ++i) {
    ops_->unmap(segments_.base(i), layout().segment_bytes);
  }
}

MmapReaderStats MmapReader::stats() const {
  const ScanCounters &counters = scanner_.counters();
  return {counters.reads.load(std::memory_order_relaxed),
          counters.vectors.load(std::memory_order_relaxed),
          in_flight_.load(std::memory_order_relaxed),
          counters.resident_hits.load(std::memory_order_relaxed),
          errors_.load(std::memory_order_relaxed)};
}

void MmapReader::retain(void *self) {
  static_cast<MmapReader *>(self)->references_.fetch_add(1, std::memory_order_relaxed);
}

void MmapReader::release(void *self) {
  auto *reader = static_cast<MmapReader *>(self);
  if (reader->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete reader;
}

uint64_t MmapReader::slots(void *self) {
  return static_cast<MmapReader *>(self)->segments_.slots();
}

void MmapReader::score(void *self, annulus_score_request *request) {
  static_cast<MmapReader *>(self)->submit(request, Work::score);
}

}  // namespace annulus
