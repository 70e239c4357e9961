#include "arriving_rows.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <thread>

#include "kinds.h"

namespace annulus {

namespace {

// Rows that are read together; a walk through a graph asks for fewer at a time.
constexpr size_t group_rows = 64;
constexpr size_t spare_max = 64;
constexpr float farthest = std::numeric_limits<float>::max();

// The first searches are to have the disk to themselves: pieces wait while single rows are read,
// and a moment longer, in which a search begins, computes, or reads its originals. But after a
// while all are served best by an early end of loading.
constexpr int64_t moment_us = 20'000;
constexpr int64_t patience_us = 250'000;
constexpr auto glance = std::chrono::microseconds(200);

int64_t now_us() {
  using namespace std::chrono;
  return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

constexpr std::array<uint32_t, group_rows> first_numbers(uint32_t from) {
  std::array<uint32_t, group_rows> numbers{};
  for (size_t i = 0; i < group_rows; ++i) numbers[i] = from + static_cast<uint32_t>(i);
  return numbers;
}
constexpr auto from_zero = first_numbers(0);
constexpr auto from_one = first_numbers(1);

}  // namespace

// Codes for a few rows, during one batch.
class ArrivingRows::Lease {
 public:
  explicit Lease(ArrivingRows &rows) : rows_(rows), codes_(rows.take()) {}
  ~Lease() { rows_.give_back(std::move(codes_)); }
  Lease(const Lease &) = delete;
  Lease &operator=(const Lease &) = delete;
  Codes &operator*() const { return *codes_; }
  Codes *operator->() const { return codes_.get(); }

 private:
  ArrivingRows &rows_;
  CodesRef codes_;
};

ArrivingRows::ArrivingRows(Codes &codes, SnapshotFile file, const snapshot::SectionEntry &rows)
    : codes_(codes),
      file_(std::move(file)),
      section_(rows),
      codebook_(codes.codebook()),
      there_((rows.length + SnapshotFile::piece_bytes - 1) / SnapshotFile::piece_bytes) {}

void ArrivingRows::prepare() {
  spare_.reserve(spare_max);
  spare_.push_back(new_codes());
  is_searched_ = true;
}

FileStatus ArrivingRows::load(const int32_t *abort) {
  RowStore &rows = codes_.rows();
  const uint64_t stride = rows.layout().stride;
  const uint64_t chunk_bytes = rows.chunk_slots() * stride;
  const auto room = [&](uint64_t offset, size_t wanted, size_t) {
    const uint64_t within = offset % chunk_bytes;
    uint8_t *chunk = rows.row(static_cast<uint32_t>((offset - within) / stride));
    return ReadTarget{chunk + within,
                      static_cast<size_t>(std::min<uint64_t>(wanted, chunk_bytes - within))};
  };
  if (is_searched_) {
    // One is about to come.
    begin_asking();
    end_asking();
  }
  // To huge pages at once: nobody waits for the end.
  FileStatus status = file_.read(section_, abort, room, this);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (status.ok()) status = failure_;
  }
  if (!status.ok()) return status;
  codes_.rows_have_arrived();
  rows.join_pages();
  return {};
}

uint64_t ArrivingRows::loaded() const {
  const uint64_t all = codes_.rows().slots();
  const uint64_t there = bytes_.load(std::memory_order_relaxed) / codes_.rows().layout().stride;
  return std::min(there, all - 1);
}

// Each hop of a search waits for its rows, behind what the disk has been asked for already.
void ArrivingRows::before_piece() {
  const auto gives_way = [this](int64_t now) {
    const bool is_asked = asking_.load(std::memory_order_relaxed) > 0 ||
                          now - last_asked_us_.load(std::memory_order_relaxed) < moment_us;
    return is_asked && now - first_asked_us_.load(std::memory_order_relaxed) < patience_us;
  };
  while (gives_way(now_us())) std::this_thread::sleep_for(glance);
}

void ArrivingRows::after_piece(uint64_t offset, size_t size) {
  there_[offset / SnapshotFile::piece_bytes].store(true, std::memory_order_release);
  bytes_.fetch_add(size, std::memory_order_relaxed);
}

void ArrivingRows::begin_asking() {
  int64_t never = 0;
  first_asked_us_.compare_exchange_strong(never, now_us(), std::memory_order_relaxed);
  asking_.fetch_add(1, std::memory_order_relaxed);
}

void ArrivingRows::end_asking() {
  last_asked_us_.store(now_us(), std::memory_order_relaxed);
  asking_.fetch_sub(1, std::memory_order_relaxed);
}

bool ArrivingRows::is_there(uint32_t slot) const {
  const uint64_t stride = codes_.rows().layout().stride;
  const uint64_t first = slot * stride / SnapshotFile::piece_bytes;
  const uint64_t last = ((slot + 1) * stride - 1) / SnapshotFile::piece_bytes;
  return there_[first].load(std::memory_order_acquire) &&
         there_[last].load(std::memory_order_acquire);
}

bool ArrivingRows::fetch(uint32_t slot, Codes &some, uint32_t row) {
  const RowLayout &layout = codes_.rows().layout();
  uint8_t *to = some.rows().row(row);
  if (layout.term_bytes > 0 && !layout.terms_in_row) {
    std::memcpy(some.rows().term(row), codes_.rows().term(slot), layout.term_bytes);
  }
  if (is_there(slot)) {
    std::memcpy(to, codes_.rows().row(slot), layout.stride);
    return true;
  }
  const uint64_t offset = uint64_t{slot} * layout.stride;
  if (file_.read_unchecked(section_, offset, layout.stride, to)) return true;
  note_failure(file_.failed(errno));
  std::memset(to, 0, layout.stride);
  return false;
}

// Brings rows to `some` from `first_row` on, and says which could be read.
void ArrivingRows::fetch_all(const uint32_t *slots, size_t n, Codes &some, uint32_t first_row,
                             bool *read) {
  const uint64_t stride = codes_.rows().layout().stride;
  bool asked = false;
  for (size_t i = 0; i < n; ++i) {
    if (is_there(slots[i])) continue;
    if (!asked) begin_asking();
    asked = true;
    file_.expect(section_, slots[i] * stride, stride);
  }
  for (size_t i = 0; i < n; ++i) {
    read[i] = fetch(slots[i], some, first_row + static_cast<uint32_t>(i));
  }
  if (asked) end_asking();
}

void ArrivingRows::query_distances(const void *query, const uint32_t *slots, size_t n, float *out) {
  const Lease some(*this);
  for (size_t done = 0; done < n; done += group_rows) {
    const size_t count = std::min(group_rows, n - done);
    bool read[group_rows];
    fetch_all(slots + done, count, *some, 0, read);
    some->query_distances(query, from_zero.data(), count, out + done);
    put_last(read, count, out + done);
  }
}

void ArrivingRows::pair_distances(uint32_t slot, const uint32_t *slots, size_t n, float *out) {
  const Lease some(*this);
  const bool known = fetch(slot, *some, 0);
  for (size_t done = 0; done < n; done += group_rows) {
    const size_t count = std::min(group_rows, n - done);
    bool read[group_rows];
    fetch_all(slots + done, count, *some, 1, read);
    for (size_t i = 0; i < count; ++i) read[i] = read[i] && known;
    some->pair_distances(0, from_one.data(), count, out + done);
    put_last(read, count, out + done);
  }
}

void ArrivingRows::prepare_slot(uint32_t slot, void *query) {
  const Lease some(*this);
  (void)fetch(slot, *some, 0);
  some->prepare_slot(0, query);
}

void ArrivingRows::bounds(const void *prepared, const uint32_t *slots, const float *distances,
                          size_t n, annulus_bound *out) {
  const Lease some(*this);
  for (size_t done = 0; done < n; done += group_rows) {
    const size_t count = std::min(group_rows, n - done);
    bool read[group_rows];
    fetch_all(slots + done, count, *some, 0, read);
    some->bounds(prepared, from_zero.data(), distances + done, count, out + done);
    for (size_t i = done; i < done + count; ++i) {
      const bool sound = read[i - done] && out[i].below >= 0 && out[i].above >= 0;
      if (!sound) out[i] = {INFINITY, INFINITY};
    }
  }
}

void ArrivingRows::decode(uint32_t slot, float *out) {
  const Lease some(*this);
  (void)fetch(slot, *some, 0);
  some->decode(0, out);
}

// What is not known, or makes no sense, is behind everything else.
void ArrivingRows::put_last(const bool *read, size_t n, float *distances) {
  for (size_t i = 0; i < n; ++i) {
    if (!read[i] || !std::isfinite(distances[i])) distances[i] = farthest;
  }
}

CodesRef ArrivingRows::new_codes() const {
  auto codes = CodesRef::adopt(codes_from(static_cast<uint32_t>(codes_.kind()), codes_.dimension(),
                                          codes_.metric(), codebook_.data(), codebook_.size()));
  if (!codes || !codes->rows().reserve(group_rows + 1)) throw std::bad_alloc();
  codes->set_calibration(codes_.calibration());
  return codes;
}

// One for each thread; where there is no memory for more they wait for each other.
CodesRef ArrivingRows::take() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (spare_.empty()) {
    lock.unlock();
    try {
      return new_codes();
    } catch (const std::bad_alloc &) {
      lock.lock();
      given_back_.wait(lock, [this] { return !spare_.empty(); });
    }
  }
  CodesRef codes = std::move(spare_.back());
  spare_.pop_back();
  return codes;
}

void ArrivingRows::give_back(CodesRef some) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (spare_.size() < spare_.capacity()) spare_.push_back(std::move(some));
  }
  given_back_.notify_one();
}

void ArrivingRows::note_failure(FileStatus status) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (failure_.ok()) failure_ = std::move(status);
}

}  // namespace annulus
