#include "encoding.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "parallel.h"

namespace annulus {

namespace {

constexpr size_t part_bytes = 256 << 10;  // of vectors; about a tenth of a millisecond
constexpr uint64_t looked_at_every = 8;   // vectors, to see how they fit the codebook
constexpr size_t none_bad = std::numeric_limits<size_t>::max();

// All exponent bits set means infinity or not a number.
bool finite(const float *values, size_t n) {
  uint32_t bad = 0;
  for (size_t i = 0; i < n; ++i) {
    uint32_t bits;
    std::memcpy(&bits, values + i, sizeof bits);
    bad |= static_cast<uint32_t>((bits & 0x7f800000u) == 0x7f800000u);
  }
  return bad == 0;
}

struct Encoding : std::enable_shared_from_this<Encoding> {
  CodesRef codes;
  Held<annulus_pool> pool;
  const float *vectors = nullptr;
  size_t n = 0;
  EncodingSlots slots;
  const int32_t *abort = nullptr;
  std::function<void(EncodingResult)> done;
  size_t part_vectors = 1;
  std::atomic<size_t> bad_vector{none_bad};

  size_t parts() const { return (n + part_vectors - 1) / part_vectors; }
  /// One past the last slot.
  uint64_t end() const { return n == 0 ? 0 : slots[n - 1] + 1; }
  size_t part_end(size_t part) const { return std::min(n, (part + 1) * part_vectors); }

  void check(size_t part) {
    const size_t dimension = codes->dimension();
    for (size_t v = part * part_vectors; v < part_end(part); ++v) {
      if (finite(vectors + v * dimension, dimension)) continue;
      size_t known = bad_vector.load();
      while (v < known && !bad_vector.compare_exchange_weak(known, v)) {
      }
      return;
    }
  }

  void encode(size_t part) {
    const size_t from = part * part_vectors;
    const size_t end = part_end(part);
    for (size_t v = from; v < end;) {
      const size_t run_end = slots.run_end(v, end);
      codes->encode(vectors + v * codes->dimension(), run_end - v, slots[v]);
      codes->sketches().forget(slots[v], run_end - v);
      v = run_end;
    }
    if (codes->calibration().known()) look_at(from, end);
  }

  void look_at(size_t from, size_t to) {
    const size_t dimension = codes->dimension();
    std::vector<float> decoded(dimension);
    uint64_t looked = 0;
    uint64_t beyond = 0;
    for (size_t v = from; v < to; ++v) {
      const uint64_t slot = slots[v];
      if (slot % looked_at_every != 0) continue;
      codes->decode(static_cast<uint32_t>(slot), decoded.data());
      const double error =
          reconstruction_error(codes->metric(), vectors + v * dimension, decoded.data(), dimension);
      ++looked;
      if (error > codes->calibration().tail_error) ++beyond;
    }
    codes->fit().looked.fetch_add(looked, std::memory_order_relaxed);
    codes->fit().beyond.fetch_add(beyond, std::memory_order_relaxed);
  }

  // Slots that are read already must not change before all of the input is known to be good.
  void start() {
    if (n == 0 || slots[0] >= codes->rows().slots()) return run(true);
    in_parts([this](size_t part) { check(part); }, [this] { run(false); });
  }

  void run(bool check_first) {
    in_parts(
        [this, check_first](size_t part) {
          if (check_first) check(part);
          encode(part);
        },
        [this] {
          codes->rows().publish(end());
          done({});
        });
  }

  void in_parts(std::function<void(size_t)> work, std::function<void()> next) {
    const auto self = shared_from_this();
    run_background(
        pool, parts(), pool->threads(pool->self), abort,
        [self, work = std::move(work)](size_t part, size_t) { work(part); },
        [self, next = std::move(next)](RunEnd end) {
          const size_t bad = self->bad_vector.load();
          if (end == RunEnd::aborted) return self->done({ANNULUS_ABORTED, 0});
          if (end == RunEnd::out_of_memory) return self->done({ANNULUS_OUT_OF_MEMORY, 0});
          if (bad != none_bad) return self->done({ANNULUS_OUT_OF_RANGE, bad});
          next();
        });
  }
};

}  // namespace

size_t EncodingSlots::run_end(size_t vector, size_t end) const {
  if (scattered.empty()) return end;
  size_t next = vector + 1;
  while (next < end && scattered[next] == scattered[next - 1] + 1) ++next;
  return next;
}

void encode_vectors(const CodesRef &codes, const Held<annulus_pool> &pool, const float *vectors,
                    size_t n, EncodingSlots slots, const int32_t *abort,
                    std::function<void(EncodingResult)> done) {
  auto encoding = std::make_shared<Encoding>();
  encoding->codes = codes;
  encoding->pool = pool;
  encoding->vectors = vectors;
  encoding->n = n;
  encoding->slots = std::move(slots);
  encoding->abort = abort;
  encoding->done = std::move(done);
  encoding->part_vectors = std::max<size_t>(1, part_bytes / (sizeof(float) * codes->dimension()));
  if (!codes->rows().reserve(encoding->end())) {
    encoding->done({ANNULUS_OUT_OF_MEMORY, 0});
    return;
  }
  encoding->start();
}

}  // namespace annulus
