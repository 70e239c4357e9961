#include "ring_loop.h"

#if !defined(_WIN32)

#include <algorithm>
#include <cerrno>
#include <new>

#include "pread_queue.h"

namespace annulus::uring {

namespace {

constexpr uint64_t kPoolBytesMax = 64u << 20;
constexpr uint64_t kMergedBytesMax = 16u << 10;
// Reads a request may start before the next has its turn: a long scan must not starve searches.
constexpr uint32_t kTurn = 64;
constexpr size_t kReapMax = 64;

uint32_t slot_of(uint64_t entry) { return static_cast<uint32_t>(entry >> 32); }
uint32_t index_of(uint64_t entry) { return static_cast<uint32_t>(entry); }

}  // namespace

StartResult RingLoop::open() {
  const EngineOptions &options = state_.options;
  const uint64_t buffer = std::max(ReadPlan::bytes_needed(options.layout), kMergedBytesMax);
  const uint64_t depth_max = std::max<uint64_t>(kPoolBytesMax / buffer, 1);
  const auto depth = static_cast<uint32_t>(std::min<uint64_t>(options.queue_depth, depth_max));
  if (pool_.open(depth, buffer) != 0) throw std::bad_alloc();
  reads_ = std::make_unique<Reads>(depth);

  StartResult result;
#if defined(__linux__)
  auto ring = std::make_unique<RingQueue>(*state_.ops, options.ring);
  result.error = ring->open(depth, pool_.memory(), pool_.bytes());
  result.stage = ring->stage();
  if (result.error == 0) {
    result.ring = true;
    result.setup_flags = ring->setup_flags();
    result.registered_buffers = ring->has_registered_buffers();
    result.registered_files = ring->has_registered_files();
    state_.use(std::move(ring));
    return result;
  }
#else
  result.error = ENOSYS;
#endif
  state_.use(std::make_unique<PreadQueue>(std::min(options.fallback_threads, depth)));
  return result;
}

void RingLoop::run() {
  IoCompletion completions[kReapMax];
  for (;;) {
    take();
    fill();
    report();
    const bool idle = first_ == nullptr && reads_->in_flight() == 0;
    if (idle && state_.closing.load(std::memory_order_seq_cst) && state_.inbox.seal()) break;
    IoQueue &queue = *state_.queue.load(std::memory_order_relaxed);
    const int error = queue.submit(may_wait());
    state_.asleep.store(false, std::memory_order_relaxed);
    state_.counters.system_calls.store(queue.system_calls(), std::memory_order_relaxed);
    if (error != 0) {
      break_down(error);
      continue;
    }
    const size_t n = queue.reap(completions, kReapMax);
    for (size_t i = 0; i < n; ++i) {
      complete(completions[i]);
      report();
    }
  }
  state_.queue.load(std::memory_order_relaxed)->finish();
}

// Producers look at `asleep` after they pushed, we look at the inbox after we set it: one of us
// sees the other.
bool RingLoop::may_wait() {
  state_.asleep.store(true, std::memory_order_seq_cst);
  const bool stopping = state_.stopping.load(std::memory_order_seq_cst);
  const bool idle = first_ == nullptr && reads_->in_flight() == 0;
  const bool must_end = idle && state_.closing.load(std::memory_order_seq_cst);
  if (!must_end && stopping == saw_stopping_ && state_.inbox.empty()) return true;
  saw_stopping_ = stopping;
  state_.asleep.store(false, std::memory_order_relaxed);
  return false;
}

void RingLoop::take() {
  Request *request = state_.inbox.take();
  while (request != nullptr) {
    Request *next = request->next;
    if (!plan_) {
      plan_.emplace(state_.options.layout, state_.segments.alignment(), pool_.buffer_bytes(),
                    state_.options.merge_gap);
    }
    if (request->query != nullptr) {
      request->exact.emplace(request->metric, request->query, state_.options.layout.dimension);
    }
    queue_back(request);
    request = next;
  }
}

void RingLoop::fill() {
  while (first_ != nullptr) {
    Request &request = *first_;
    if (stopped(request) || !next_window(request)) {
      unqueue_front();
      finish_if_done(request);
      continue;
    }
    try {
      if (join(request)) continue;
      if (!reads_->available()) return;
      start_read(request);
    } catch (const std::bad_alloc &) {
      end(request, ANNULUS_OUT_OF_MEMORY, 0, 0);
    }
    if (++request.turn >= kTurn && first_ != last_) {
      unqueue_front();
      queue_back(&request);
    }
  }
}

// Sorts the next stretch of slots when the last is used up. False when there is none.
bool RingLoop::next_window(Request &request) {
  if (request.cursor < request.window.size()) return true;
  const size_t n = std::min(request.n - request.windowed, kWindow);
  if (n == 0) return false;
  request.cursor = 0;
  request.window.clear();
  try {
    request.window.reserve(n);
  } catch (const std::bad_alloc &) {
    end(request, ANNULUS_OUT_OF_MEMORY, 0, 0);
    return false;
  }
  for (size_t i = request.windowed; i < request.windowed + n; ++i) {
    request.window.push_back(uint64_t{request.slots[i]} << 32 | i);
  }
  request.windowed += n;
  std::sort(request.window.begin(), request.window.end());
  return true;
}

// A read that was started before the slot was rewritten would bring the old vector: not joined.
bool RingLoop::join(Request &request) {
  if (!state_.options.join_reads) return false;
  const uint64_t entry = request.window[request.cursor];
  const uint32_t number = reads_->find(slot_of(entry));
  if (number == kNone) return false;
  if ((*reads_)[number].rewrites != state_.rewrites.count()) return false;
  reads_->attach(number, &request, slot_of(entry), index_of(entry));
  ++request.cursor;
  Counters::add(state_.counters.joined, 1);
  return true;
}

void RingLoop::start_read(Request &request) {
  const uint32_t first = slot_of(request.window[request.cursor]);
  ByteRange range = plan_->range(first);
  const Segment *segment = state_.segments.find(range.segment);
  if (segment == nullptr) return end(request, ANNULUS_OUT_OF_RANGE, 0, first);

  const uint32_t number = reads_->acquire();
  Read &read = (*reads_)[number];
  read.parts = kNone;
  read.rest = kNone;
  uint32_t last = first;
  try {
    do {
      const uint64_t entry = request.window[request.cursor];
      const uint32_t slot = slot_of(entry);
      if (slot != last && !plan_->merge(&range, plan_->range(slot))) break;
      reads_->attach(number, &request, slot, index_of(entry));
      if (state_.options.join_reads) reads_->announce(slot, number);
      last = slot;
    } while (++request.cursor < request.window.size());
  } catch (const std::bad_alloc &) {
    // What was attached is read in vain; the request ends when that has come back.
    end(request, ANNULUS_OUT_OF_MEMORY, 0, 0);
    if (read.parts == kNone) return reads_->release(number);
  }
  read.segment = segment->number;
  read.direct = state_.direct();
  aim(read, range, last);
  push(number);
  count_in_flight();
}

// Sets what to read; `last` is the highest slot it is to bring.
void RingLoop::aim(Read &read, const ByteRange &range, uint32_t last) {
  read.begin = range.begin;
  read.length = static_cast<uint32_t>(range.end - range.begin);
  read.needed = static_cast<uint32_t>(plan_->offset_of(last) + state_.options.layout.vector_bytes -
                                      range.begin);
  read.filled = 0;
  read.retries = 0;
  read.rereads = 0;
  read.rewrites = state_.rewrites.count();
}

void RingLoop::count_in_flight() {
  Counters &counters = state_.counters;
  const uint64_t in_flight = reads_->in_flight();
  counters.in_flight.store(in_flight, std::memory_order_relaxed);
  if (in_flight > counters.in_flight_max.load(std::memory_order_relaxed)) {
    counters.in_flight_max.store(in_flight, std::memory_order_relaxed);
  }
}

void RingLoop::push(uint32_t number) {
  const Read &read = (*reads_)[number];
  const uint32_t length = read.length - read.filled;
  const Segment &segment = *state_.segments.find(read.segment);
  const int fd = read.direct ? segment.direct_fd : segment.cached_fd;
  const uint32_t file = 2 * read.segment + (read.direct ? 1 : 0);
  state_.queue.load(std::memory_order_relaxed)
      ->push(
          {fd, file, pool_.buffer(number) + read.filled, length, read.begin + read.filled, number});
  Counters::add(state_.counters.reads, 1);
  Counters::add(state_.counters.read_bytes, length);
}

void RingLoop::queue_back(Request *request) {
  request->next = nullptr;
  request->queued = true;
  request->turn = 0;
  (first_ == nullptr ? first_ : last_->next) = request;
  last_ = request;
}

void RingLoop::unqueue_front() {
  first_->queued = false;
  first_ = first_->next;
  if (first_ == nullptr) last_ = nullptr;
}

}  // namespace annulus::uring

#endif
