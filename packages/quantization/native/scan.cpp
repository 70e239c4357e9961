#include "scan.h"

#include <annulus/aligned.h>
#include <annulus/bitmap.h>
#include <annulus/sieve.h>
#include <annulus/together.h>

#include <atomic>
#include <new>

namespace annulus {

namespace {

constexpr size_t batch_slots = Sieve::batch;
// Codes worth waking a worker for: about half a millisecond of them.
constexpr uint64_t part_bytes = 4 << 20;

bool raised(const int32_t *abort) {
  return abort != nullptr && __atomic_load_n(abort, __ATOMIC_RELAXED) != 0;
}

class Scan {
 public:
  Scan(const Codes &codes, const void *query, const ScanRange &range, const int32_t *abort)
      : codes_(codes), query_(query), range_(range), abort_(abort) {}

  // Some of the slots, spread over all.
  size_t sample(uint64_t wanted, uint32_t *slots, size_t most) const {
    const uint64_t every = wanted / most + 1;
    uint64_t seen = 0;
    size_t count = 0;
    uint32_t some[batch_slots];
    for (uint64_t from = range_.from; from < range_.to;) {
      size_t n = 0;
      from = take(from, range_.to, some, n);
      for (size_t i = 0; i < n; ++i) {
        if (seen++ % every == 0 && count < most) slots[count++] = some[i];
      }
    }
    return count;
  }
  void use(const SketchedQuery &sketched) { sketched_ = sketched; }

  // How many slots are scored.
  uint64_t wanted() const {
    if (range_.allowed == nullptr) return range_.to - range_.from;
    uint64_t slots = 0;
    for (uint64_t from = range_.from; from < range_.to; from = next_word(from)) {
      slots += count_ones(allowed_in_word(from, range_.to));
    }
    return slots;
  }

  // Nearest of slots [from, to).
  void part(uint64_t from, uint64_t to, TopK &top) const {
    uint32_t slots[batch_slots];
    Sieve sieve(sketched_);
    const auto score = [&](const uint32_t *some, size_t n) { look_at(some, n, top); };
    const auto limit = [&] { return top.worst(); };
    while (from < to && !raised(abort_)) {
      size_t n = 0;
      from = take(from, to, slots, n);
      sieve.add(slots, n, limit, score);
    }
    sieve.flush(score);
  }

 private:
  uint64_t take(uint64_t from, uint64_t to, uint32_t *slots, size_t &n) const {
    return range_.allowed == nullptr ? take_all(from, to, slots, n)
                                     : take_allowed(from, to, slots, n);
  }
  static uint64_t take_all(uint64_t from, uint64_t to, uint32_t *slots, size_t &n) {
    while (from < to && n < batch_slots) slots[n++] = static_cast<uint32_t>(from++);
    return from;
  }

  // At most a whole bitmap word at a time; returns where to go on.
  uint64_t take_allowed(uint64_t from, uint64_t to, uint32_t *slots, size_t &n) const {
    while (from < to && n + 32 <= batch_slots) {
      for (uint32_t word = allowed_in_word(from, to); word != 0; word &= word - 1) {
        slots[n++] = static_cast<uint32_t>(from / 32 * 32 + lowest_one(word));
      }
      from = next_word(from);
    }
    return from;
  }

  static uint64_t next_word(uint64_t from) { return from / 32 * 32 + 32; }

  // Allowed slots from `from` on in its word of the bitmap, below `to`.
  uint32_t allowed_in_word(uint64_t from, uint64_t to) const {
    const uint32_t word = range_.allowed[from / 32] & (~0u << (from % 32));
    const uint64_t left = to - from / 32 * 32;
    return left < 32 ? word & ((1u << left) - 1) : word;
  }

  void look_at(const uint32_t *slots, size_t n, TopK &top) const {
    float distances[batch_slots];
    for (; n > batch_slots; slots += batch_slots, n -= batch_slots) {
      look_at(slots, batch_slots, top);
    }
    codes_.distances(query_, slots, n, distances);
    float worst = top.worst();
    for (size_t i = 0; i < n; ++i) {
      if (distances[i] <= worst) {
        top.offer({distances[i], slots[i]});
        worst = top.worst();
      }
    }
  }

  const Codes &codes_;
  const void *query_;
  const ScanRange &range_;
  const int32_t *abort_;
  SketchedQuery sketched_;
};

}  // namespace

int32_t scan(Codes &codes, const Held<annulus_pool> &pool, const float *query, size_t k,
             const ScanRange &wanted, const int32_t *abort, std::vector<Neighbour> &found,
             std::vector<annulus_bound> *bounds) {
  ScanRange range = wanted;
  range.to = std::min(range.to, codes.rows().slots());
  if (range.allowed != nullptr) range.to = std::min(range.to, range.allowed_bits);
  found.clear();
  if (range.from >= range.to || k == 0) return ANNULUS_OK;
  try {
    AlignedVector<uint8_t> prepared(codes.prepared_bytes());
    codes.prepare_query(query, prepared.data());
    Scan task(codes, prepared.data(), range, abort);
    const uint64_t slots_wanted = task.wanted();
    const annulus_scorer scorer = codes.scorer();
    AlignedVector<uint8_t> sketched;
    if (range.sketched && slots_wanted >= sieve_from) {
      task.use(SketchedQuery::of(scorer, query, sketched, [&](uint32_t *slots, size_t most) {
        return task.sample(slots_wanted, slots, most);
      }));
    }
    // As many parts as what is scored is worth, however far it is spread. They start at multiples
    // of 32 slots, so that each owns whole words of the bitmap.
    const uint64_t worth = slots_wanted * codes.rows().layout().stride / part_bytes + 1;
    const uint64_t part_slots = ((range.to - range.from) / worth / 32 + 1) * 32;
    const uint64_t first = range.from / part_slots;
    const auto parts = static_cast<size_t>((range.to - 1) / part_slots - first + 1);
    std::vector<TopK> tops(parts, TopK(k));
    std::atomic<bool> out_of_memory{false};
    run_together(pool ? &*pool : nullptr, parts, [&](size_t part) {
      try {
        const uint64_t start = (first + part) * part_slots;
        task.part(std::max(start, range.from), std::min(start + part_slots, range.to), tops[part]);
      } catch (const std::bad_alloc &) {
        out_of_memory.store(true);
      }
    });
    if (raised(abort)) return ANNULUS_ABORTED;
    if (out_of_memory.load()) return ANNULUS_OUT_OF_MEMORY;
    TopK best(k);
    for (const TopK &top : tops) best.merge(top);
    found = best.sorted();
    if (bounds == nullptr) return ANNULUS_OK;
    std::vector<uint32_t> slots;
    std::vector<float> distances;
    for (const Neighbour &neighbour : found) {
      slots.push_back(neighbour.slot);
      distances.push_back(neighbour.distance);
    }
    bounds->resize(found.size());
    codes.bounds(prepared.data(), slots.data(), distances.data(), found.size(), bounds->data());
  } catch (const std::bad_alloc &) {
    return ANNULUS_OUT_OF_MEMORY;
  }
  return ANNULUS_OK;
}

namespace {

struct ScanSource {
  CodesRef codes;
  Held<annulus_pool> pool;
  std::atomic<uint32_t> references{1};
};

void retain(void *self) {
  static_cast<ScanSource *>(self)->references.fetch_add(1, std::memory_order_relaxed);
}

void release(void *self) {
  auto *source = static_cast<ScanSource *>(self);
  if (source->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete source;
}

void candidates(void *self, annulus_candidate_request *request) {
  const auto *source = static_cast<ScanSource *>(self);
  ScanRange range;
  range.allowed = request->allowed;
  range.allowed_bits = request->allowed_bits;
  range.sketched = true;
  request->found = 0;
  try {
    std::vector<Neighbour> found;
    std::vector<annulus_bound> bounds;
    const bool wants_bounds = request->bounds != nullptr && source->codes->bounded();
    request->status = scan(*source->codes, source->pool, request->query, request->k, range,
                           request->abort, found, wants_bounds ? &bounds : nullptr);
    if (request->status != ANNULUS_OK) return;
    request->found = static_cast<uint32_t>(found.size());
    for (size_t i = 0; i < found.size(); ++i) {
      request->slots[i] = found[i].slot;
      request->distances[i] = found[i].distance;
      if (wants_bounds) request->bounds[i] = bounds[i];
    }
  } catch (const std::bad_alloc &) {
    request->status = ANNULUS_OUT_OF_MEMORY;
  }
}

}  // namespace

annulus_source new_scan_source(const CodesRef &codes, const Held<annulus_pool> &pool) {
  auto *source = new ScanSource{codes, pool};
  return {{ANNULUS_ABI_MAGIC, ANNULUS_KIND_SOURCE, sizeof(annulus_source), ANNULUS_ABI_VERSION},
          source,
          retain,
          release,
          source->codes->dimension(),
          candidates};
}

}  // namespace annulus
