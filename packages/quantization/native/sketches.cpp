#include "sketches.h"

#include <annulus/abi.h>
#include <annulus/aligned.h>
#include <annulus/own_pages.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <vector>

#include "codes.h"
#include "norm.h"

namespace annulus {

namespace {

constexpr uint64_t seed = 1;
constexpr uint32_t chunk_bits = 16;  // a few huge pages
constexpr uint32_t chunk_slots = 1u << chunk_bits;
constexpr size_t directory_bytes =
    sizeof(uint8_t *) * static_cast<size_t>((max_slots >> chunk_bits) + 1);
// A scan makes one sketch for so many codes that it looks at, which takes it about as long as
// scoring them.
constexpr size_t codes_per_sketch = 128;
constexpr size_t run_slots = 64;
// Of the magnitudes that are added up: what rounding to float and of the query adds.
constexpr float rounding = 2e-5f;

// What has become of a sketch, below a count of how often it was forgotten.
enum : uint32_t { none = 0, being_written = 1, ready = 2, state_mask = 3, forgotten_once = 4 };

}  // namespace

// What all sketches have in common.
struct Sketches::Model {
  explicit Model(uint32_t dimension) : rotation(dimension, seed), centre(dimension) {}
  Rotation rotation;
  std::vector<float> centre;
  double centre_square = 0;
};

// Before the signs of a sketch. r is the rotated x - c, s its signs.
struct alignas(8) Sketches::Head {
  float factor;  // |r|^2 / <r, s>
  float base;    // <c, x - c>; for euclidean |r|^2
  float reach;   // deviation of the estimate of <q, r>, for |q| = 1
  std::atomic<uint32_t> state;
};

// Sketches that are decided on together.
struct Sketches::Run {
  uint32_t slots[run_slots];
  const uint8_t *rows[run_slots];
  float factor[run_slots];
  float base[run_slots];
  float reach[run_slots];
  int32_t sums[run_slots];  // of the weights whose bits are set
  size_t count = 0;

  void add(uint32_t slot, const Head &head) {
    slots[count] = slot;
    rows[count] = reinterpret_cast<const uint8_t *>(&head + 1);
    factor[count] = head.factor;
    base[count] = head.base;
    reach[count] = head.reach;
    ++count;
  }
};

// A lower bound of the distance is offset + slope base - factor gain t - (w^2 reach^2 + n^2
// factor^2)^1/2 with t the sum of the query's components, each with its sign in the sketch; w
// stands for what the sketch left, n for what rounding the query did.
struct alignas(64) Sketches::Query {
  float offset;
  float slope;
  float gain;
  float noise;
  float width;
  float magnitudes;
  int32_t total;

  void lower_bounds(const Run &run, float *bounds) const;

  static size_t planes_words(size_t words) { return weight_planes * weight_plane_words(words); }
  const uint64_t *planes() const { return reinterpret_cast<const uint64_t *>(this + 1); }
  uint64_t *planes() { return reinterpret_cast<uint64_t *>(this + 1); }
};

Sketches::Sketches(const Codes &codes)
    : codes_(codes),
      kernels_(sign_kernels()),
      signs_(signs_of(codes.dimension())),
      stride_(bytes_each(codes.dimension())) {}

Sketches::~Sketches() {
  for (size_t i = 0; i < chunks_end_; ++i) {
    if (chunks_[i] != nullptr) unmap_pages(chunks_[i], stride_ * chunk_slots);
  }
  if (chunks_ != nullptr) unmap_pages(chunks_, directory_bytes);
}

bool Sketches::suit(uint32_t metric, size_t row_bytes) {
  return metric != ANNULUS_METRIC_MANHATTAN && row_bytes >= least_row_bytes;
}

bool Sketches::begin(const uint32_t *slots, size_t n) try {
  const uint32_t dimension = codes_.dimension();
  std::lock_guard<std::mutex> lock(mutex_);
  if (owned_ != nullptr) return true;
  if (!codes_.has_all_rows()) return false;  // and once all are there, they stay
  if (n == 0 || bytes_max_.load(std::memory_order_relaxed) < directory_bytes) return false;
  auto model = std::make_unique<Model>(dimension);
  std::vector<double> sums(dimension);
  std::vector<float> vector(dimension);
  for (size_t v = 0; v < n; ++v) {
    codes_.decode(slots[v], vector.data());
    for (size_t i = 0; i < dimension; ++i) sums[i] += vector[i];
  }
  for (size_t i = 0; i < dimension; ++i) {
    model->centre[i] = static_cast<float>(sums[i] / static_cast<double>(n));
    model->centre_square += static_cast<double>(model->centre[i]) * model->centre[i];
  }
  chunks_ = static_cast<uint8_t **>(map_pages(directory_bytes, alignof(uint8_t *)));
  if (chunks_ == nullptr) return false;
  owned_ = std::move(model);
  model_.store(owned_.get(), std::memory_order_release);
  return true;
} catch (const std::bad_alloc &) {
  return false;
}

Sketches::Head *Sketches::head_of(uint32_t slot) const {
  uint8_t *chunk = __atomic_load_n(chunks_ + (slot >> chunk_bits), __ATOMIC_ACQUIRE);
  if (chunk == nullptr) return nullptr;
  return reinterpret_cast<Head *>(chunk + (slot & (chunk_slots - 1)) * stride_);
}

Sketches::Head *Sketches::place_for(uint32_t slot) {
  if (Head *head = head_of(slot)) return head;
  std::lock_guard<std::mutex> lock(mutex_);
  if (Head *head = head_of(slot)) return head;
  const size_t size = stride_ * chunk_slots;
  const uint64_t held = (chunks_held_ + 1) * size;
  if (held > bytes_max_.load(std::memory_order_relaxed)) return nullptr;
  void *chunk = map_pages(size, huge_page_bytes);
  if (chunk == nullptr) return nullptr;
  advise_huge_pages(chunk, size);
  const size_t at = slot >> chunk_bits;
  chunks_end_ = std::max(chunks_end_, at + 1);
  ++chunks_held_;
  __atomic_store_n(chunks_ + at, static_cast<uint8_t *>(chunk), __ATOMIC_RELEASE);
  return head_of(slot);
}

// False where the sketch cannot be had, or somebody else makes it. `room` is for three vectors.
bool Sketches::make(const Model &model, uint32_t slot, float *room) {
  Head *head = place_for(slot);
  if (head == nullptr) return false;
  uint32_t state = head->state.load(std::memory_order_acquire);
  if ((state & state_mask) != none) return false;
  const size_t n = codes_.dimension();
  const size_t words = sign_words(signs_);
  float *rest = room;
  float *rotated = rest + 2 * n;
  codes_.decode(slot, rest);
  double square = 0;
  double along = 0;
  for (size_t i = 0; i < n; ++i) {
    const double value = static_cast<double>(rest[i]) - model.centre[i];
    rest[i] = static_cast<float>(value);
    square += value * value;
    along += value * model.centre[i];
  }
  model.rotation.apply(rest, rest + n, rotated);
  double magnitudes = 0;
  for (size_t i = 0; i < signs_; ++i) magnitudes += std::fabs(rotated[i]);
  const double factor = magnitudes > 0 ? square / magnitudes : 0;
  // What of the signs, as long as the factor makes them, does not point as r does. Where they say
  // nothing of r, anything may be.
  const double across = magnitudes > 0 || square == 0
                            ? std::max(static_cast<double>(signs_) * factor * factor - square, 0.0)
                            : std::numeric_limits<double>::infinity();
  const uint32_t taken = state | being_written;
  if (!head->state.compare_exchange_strong(state, taken, std::memory_order_acq_rel)) return false;
  const bool euclidean = codes_.metric() == ANNULUS_METRIC_EUCLIDEAN;
  head->factor = static_cast<float>(factor);
  head->base = static_cast<float>(euclidean ? square : along);
  head->reach = static_cast<float>(std::sqrt(across / static_cast<double>(n - 1)));
  auto *signs = reinterpret_cast<uint64_t *>(head + 1);
  for (size_t w = 0; w < words; ++w) {
    signs[w] = 0;
    for (size_t i = 64 * w; i < std::min(signs_, 64 * w + 64); ++i) {
      signs[w] |= static_cast<uint64_t>(rotated[i] >= 0 ? 1 : 0) << (i % 64);
    }
  }
  head->state.store((taken & ~uint32_t{state_mask}) | ready, std::memory_order_release);
  bytes_.fetch_add(stride_, std::memory_order_relaxed);
  return true;
}

void Sketches::forget(uint64_t first_slot, uint64_t n) {
  if (model_.load(std::memory_order_acquire) == nullptr) return;
  for (uint64_t slot = first_slot; slot < first_slot + n; ++slot) {
    Head *head = head_of(static_cast<uint32_t>(slot));
    if (head == nullptr) continue;
    uint32_t state = head->state.load(std::memory_order_acquire);
    for (;;) {
      const uint32_t forgotten = (state & ~uint32_t{state_mask}) + forgotten_once;
      if ((state & state_mask) == being_written) {  // for no longer than copying takes
        state = head->state.load(std::memory_order_acquire);
      } else if (head->state.compare_exchange_weak(state, forgotten, std::memory_order_acq_rel)) {
        if ((state & state_mask) == ready) bytes_.fetch_sub(stride_, std::memory_order_relaxed);
        break;
      }
    }
  }
}

size_t Sketches::query_bytes() const {
  const size_t n = codes_.dimension();
  return sizeof(Query) + sizeof(uint64_t) * Query::planes_words(sign_words(signs_)) +
         3 * sizeof(float) * n;
}

bool Sketches::prepare(const float *vector, void *query) const {
  const Model *model = model_.load(std::memory_order_acquire);
  if (model == nullptr) return false;
  const size_t n = codes_.dimension();
  const size_t words = sign_words(signs_);
  const bool euclidean = codes_.metric() == ANNULUS_METRIC_EUCLIDEAN;
  const double scale = codes_.metric() == ANNULUS_METRIC_COSINE ? inverse_norm(vector, n) : 1;
  auto *head = new (query) Query();
  uint64_t *planes = head->planes();
  auto *rest = reinterpret_cast<float *>(planes + Query::planes_words(words));
  float *rotated = rest + 2 * n;

  double along = 0;
  for (size_t i = 0; i < n; ++i) along += vector[i] * scale * model->centre[i];
  // For products what lies along the centre is known of each code, and need not be estimated.
  const double share = model->centre_square > 0 ? along / model->centre_square : 0;
  const double taken = euclidean ? 1 : share;
  double square = 0;
  for (size_t i = 0; i < n; ++i) {
    const double value = vector[i] * scale - taken * model->centre[i];
    rest[i] = static_cast<float>(value);
    square += value * value;
  }
  model->rotation.apply(rest, rest + n, rotated);
  float largest = 0;
  for (size_t i = 0; i < signs_; ++i) largest = std::max(largest, std::fabs(rotated[i]));
  const double unit = largest / static_cast<double>(max_weight);
  const double to_level = unit > 0 ? 1 / unit : 0;
  std::memset(planes, 0, sizeof(uint64_t) * Query::planes_words(words));
  double left = 0;
  double magnitudes = 0;
  for (size_t i = 0; i < signs_; ++i) {
    const double scaled = rotated[i] * to_level;
    const auto weight =
        std::abs(scaled) <= max_weight ? static_cast<int32_t>(std::lrint(scaled)) : 0;
    const double error = rotated[i] - weight * unit;
    for (size_t p = 0; p < weight_planes; ++p) {
      const auto bit = static_cast<uint64_t>((weight >> p) & 1);
      planes[p * weight_plane_words(words) + i / 64] |= bit << (i % 64);
    }
    head->total += weight;
    magnitudes += std::abs(weight);
    left += error * error;
  }
  const double times = euclidean ? 2 : 1;
  head->offset = static_cast<float>(euclidean ? square : -along);
  head->slope = static_cast<float>(euclidean ? 1 : -share);
  head->gain = static_cast<float>(times * unit);
  head->noise = static_cast<float>(times * deviations * std::sqrt(left));
  head->width = static_cast<float>(times * deviations * std::sqrt(square));
  head->magnitudes = head->gain * static_cast<float>(magnitudes);
  return true;
}

// Of all that a run has room for, so that the loop is one of whole vectors. Not a number where a
// part of the bound is not finite.
void Sketches::Query::lower_bounds(const Run &run, float *bounds) const {
  for (size_t i = 0; i < run_slots; ++i) {
    const float along = slope * run.base[i];
    const float product = run.factor[i] * gain * static_cast<float>(2 * run.sums[i] - total);
    const float of_sketch = width * run.reach[i];
    const float of_query = noise * run.factor[i];
    const float error = std::sqrt(of_sketch * of_sketch + of_query * of_query);
    const float added_up = std::fabs(offset) + std::fabs(along) + run.factor[i] * magnitudes;
    bounds[i] = offset + along - product - error - rounding * added_up;
  }
}

size_t Sketches::keep(const void *query, uint32_t *slots, size_t n, float limit, size_t &unknown) {
  const auto &prepared = *static_cast<const Query *>(query);
  const Model &model = *model_.load(std::memory_order_acquire);
  const size_t words = sign_words(signs_);
  size_t kept = 0;
  size_t may_make = std::max<size_t>(n / codes_per_sketch, 1);
  std::unique_ptr<float[]> room;
  Run run{};
  const auto decide = [&] {
    float bounds[run_slots];
    kernels_.weighted(run.rows, run.count, prepared.planes(), words, run.sums);
    prepared.lower_bounds(run, bounds);
    for (size_t i = 0; i < run.count; ++i) {
      // Kept as well where the bound is not a number. Few are: no branch.
      slots[kept] = run.slots[i];
      kept += bounds[i] > limit ? 0 : 1;
    }
    run.count = 0;
  };
  unknown = 0;
  for (size_t i = 0; i < n; ++i) {
    const uint32_t slot = slots[i];
    const Head *head = head_of(slot);
    const bool known =
        head != nullptr && (head->state.load(std::memory_order_acquire) & state_mask) == ready;
    if (!known) {
      if (may_make > 0 && room == nullptr) {
        room.reset(new (std::nothrow) float[3 * size_t{codes_.dimension()}]);
        if (room == nullptr) may_make = 0;
      }
      if (may_make > 0 && make(model, slot, room.get())) --may_make;
      ++unknown;
      slots[kept++] = slot;
      continue;
    }
    run.add(slot, *head);
    if (run.count == run_slots) decide();
  }
  decide();
  return kept;
}

}  // namespace annulus
