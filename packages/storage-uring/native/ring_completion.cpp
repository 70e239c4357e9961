// The other half of RingLoop: what happens to a read that came back, and to the requests it served.
#include <annulus/verified.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "pread_queue.h"
#include "ring_loop.h"

#if !defined(_WIN32)

namespace annulus::uring {

namespace {
// Attempts that brought nothing before a read is given up.
constexpr uint32_t kRetriesMax = 64;
// A vector that is rewritten over and over is given up after that many looks.
constexpr uint32_t kRereadsMax = 1000;
constexpr uint32_t kPauseUs = 1000;

bool passing(int error) { return error == EINTR || error == EAGAIN || error == EBUSY; }
}  // namespace

void RingLoop::complete(const IoCompletion &completion) {
  const auto number = static_cast<uint32_t>(completion.tag);
  Read &read = (*reads_)[number];
  if (completion.result < 0) {
    if (passing(-completion.result)) return resume(number, false);
    if (split(number)) return;
    return fail(number, ANNULUS_IO, -completion.result);
  }
  const uint32_t before = read.filled;
  read.filled += static_cast<uint32_t>(completion.result);
  if (read.filled >= read.needed) return deliver(number);
  // A short read is no end of file, for we know the length; but the rest must start at a sector
  // again.
  Counters::add(state_.counters.resumed, 1);
  read.filled -= read.filled % state_.segments.alignment();
  resume(number, read.filled > before);
}

// Asks again for what is missing, unless nobody waits for it any more or nothing comes of it.
void RingLoop::resume(uint32_t number, bool progressed) {
  Read &read = (*reads_)[number];
  read.retries = progressed ? 0 : read.retries + 1;
  // Nothing at all, again and again: the file is shorter than its header says.
  if (read.retries > kRetriesMax) return fail(number, ANNULUS_IO, EIO);
  bool wanted = false;
  for (uint32_t part = read.parts; part != kNone && !wanted; part = reads_->part(part).next) {
    wanted = !stopped(*reads_->part(part).request);
  }
  if (!wanted) return deliver(number);
  push(number);
}

void RingLoop::deliver(uint32_t number) {
  Read &read = (*reads_)[number];
  const char *buffer = pool_.buffer(number);
  const Segment &segment = *state_.segments.find(read.segment);
  const uint64_t rewrites = state_.rewrites.count();
  uint32_t again = kNone;
  for (uint32_t part = read.parts; part != kNone;) {
    const uint32_t next = reads_->part(part).next;
    const Part &current = reads_->part(part);
    const char *bytes = buffer + (plan_->offset_of(current.slot) - read.begin);
    if (stopped(*current.request) || serve(current, bytes, segment)) {
      if (read.direct) keep_hot(current, bytes, read.rewrites);
      let_go(part);
    } else if (read.rereads <= kRereadsMax &&
               state_.rewrites.may_cover(read.rewrites, current.slot)) {
      // It got a new vector under our eyes; what matters is what is there now.
      reads_->part(part).next = again;
      again = part;
    } else {
      end(*current.request, ANNULUS_CORRUPT, 0, current.slot);
      let_go(part);
    }
    part = next;
  }
  read.parts = again;
  if (again == kNone) return release(number);
  Counters::add(state_.counters.reread, 1);
  // While the write goes on there is nothing to count: it will end.
  if (rewrites % 2 == 0) ++read.rereads;
  read.rewrites = rewrites;
  read.filled = 0;
  read.retries = 0;
  push(number);
}

// False when the checksum does not match.
bool RingLoop::serve(const Part &part, const char *bytes, const Segment &segment) {
  const Layout &layout = state_.options.layout;
  // Atomic, because a freed slot may be getting a new vector at this moment.
  const uint32_t checksum =
      __atomic_load_n(&segment.checksums[plan_->slot_in_segment(part.slot)], __ATOMIC_RELAXED);
  if (!is_intact(part.slot, bytes, layout.vector_bytes, checksum)) return false;
  Request &request = *part.request;
  if (request.query == nullptr) {
    std::memcpy(request.out + size_t{part.index} * layout.dimension, bytes, layout.vector_bytes);
  } else {
    request.out[part.index] = request.exact->distance(reinterpret_cast<const float *>(bytes));
  }
  Counters::add(state_.counters.vectors, 1);
  return true;
}

// A vector that was read past the page cache may be wanted again soon; those of a long scan are
// not.
void RingLoop::keep_hot(const Part &part, const char *bytes, uint64_t rewrites) {
  if (!state_.hot.enabled() || part.request->n > kWindow) return;
  if (part.request->status != ANNULUS_OK) return;  // then it was not verified
  state_.hot.keep(part.slot, reinterpret_cast<const float *>(bytes), rewrites);
}

// The read is over and brought nothing: all its parts fail, each with its own slot.
void RingLoop::fail(uint32_t number, int32_t status, int error) {
  Read &read = (*reads_)[number];
  for (uint32_t part = read.parts; part != kNone;) {
    const uint32_t next = reads_->part(part).next;
    end(*reads_->part(part).request, status, error, reads_->part(part).slot);
    let_go(part);
    part = next;
  }
  read.parts = kNone;
  release(number);
}

// A failed read of several slots is done again slot by slot, so that only those fail that are bad.
bool RingLoop::split(uint32_t number) {
  Read &read = (*reads_)[number];
  const uint32_t slot = reads_->part(read.parts).slot;
  bool several = false;
  for (uint32_t part = read.parts; part != kNone; part = reads_->part(part).next) {
    several = several || reads_->part(part).slot != slot;
  }
  if (!several) return false;
  read.rest = read.parts;
  reads_->withdraw(number);
  read_next_slot(number);
  return true;
}

void RingLoop::read_next_slot(uint32_t number) {
  Read &read = (*reads_)[number];
  read.parts = kNone;
  reads_->next_slot(number);
  const uint32_t slot = reads_->part(read.parts).slot;
  aim(read, plan_->range(slot), slot);
  push(number);
}

void RingLoop::release(uint32_t number) {
  if ((*reads_)[number].rest != kNone) return read_next_slot(number);
  reads_->release(number);
  count_in_flight();
}

// The ring is beyond use. The kernel may still write to its buffers, so those are never freed, and
// the reads it had start anew, through pread, into others.
void RingLoop::break_down(int error) {
  state_.broken.store(error, std::memory_order_relaxed);
  state_.queue.load(std::memory_order_relaxed)->finish();
  const size_t buffer_bytes = pool_.buffer_bytes();
  const uint32_t threads = std::min(state_.options.fallback_threads, reads_->count());
  pool_.leak();
  while (pool_.open(reads_->count(), buffer_bytes) != 0) state_.ops->pause(kPauseUs);
  state_.use(std::make_unique<PreadQueue>(threads));
  for (uint32_t number = 0; number < reads_->count(); ++number) {
    Read &read = (*reads_)[number];
    if (!read.busy) continue;
    read.filled = 0;
    read.rewrites = state_.rewrites.count();
    push(number);
  }
}

void RingLoop::let_go(uint32_t part) {
  Request &request = *reads_->part(part).request;
  reads_->free_part(part);
  --request.outstanding;
  finish_if_done(request);
}

bool RingLoop::stopped(Request &request) {
  if (request.status != ANNULUS_OK) return true;
  if (request.abort != nullptr && __atomic_load_n(request.abort, __ATOMIC_RELAXED) != 0) {
    request.status = ANNULUS_ABORTED;
  } else if (state_.stopping.load(std::memory_order_relaxed)) {
    request.status = ANNULUS_CLOSED;
  }
  return request.status != ANNULUS_OK;
}

void RingLoop::end(Request &request, int32_t status, int error, uint64_t slot) {
  if (request.status != ANNULUS_OK) return;  // the first failure is the one that is told
  request.status = status;
  request.detail = error;
  request.slot = slot;
  Counters::add(state_.counters.errors, 1);
}

void RingLoop::finish_if_done(Request &request) {
  if (request.queued || request.outstanding > 0) return;
  request.next = finished_;
  finished_ = &request;
}

void RingLoop::report() {
  while (finished_ != nullptr) {
    Request *request = finished_;
    finished_ = request->next;
    request->done(request);  // and gone
  }
}

}  // namespace annulus::uring

#endif
