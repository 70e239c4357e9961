// What every kind of code offers to the graph, the scan and the snapshot. A new kind derives from
// CodesOf, supplies the functions below and its trainer, and registers in kinds.cpp.
//
// Lifetime: reference counted. The JavaScript handle, each exported table and each running
// operation hold a reference.
#pragma once

#include <annulus/abi.h>
#include <annulus/held.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "calibration.h"
#include "row_store.h"
#include "sketches.h"

namespace annulus {

/// Numbers of the kinds as snapshots name them; never reused.
enum class CodeKind : uint32_t { none = 0, scalar = 1, product = 2, binary = 3, rotated = 4 };

/// How appended vectors fit the codebook: of those looked at, how many lie farther from what their
/// codes stand for than nearly all of the training sample did (Calibration::tail_error).
struct Fit {
  std::atomic<uint64_t> looked{0};
  std::atomic<uint64_t> beyond{0};
};

class ArrivingRows;

/// A named number that describes a trained code to the user.
using Parameter = std::pair<std::string, double>;

class Codes {
 public:
  virtual ~Codes() = default;
  Codes(const Codes &) = delete;
  Codes &operator=(const Codes &) = delete;

  CodeKind kind() const { return kind_; }
  uint32_t dimension() const { return dimension_; }
  uint32_t metric() const { return metric_; }
  RowStore &rows() { return rows_; }
  const RowStore &rows() const { return rows_; }
  /// Memory in use.
  virtual uint64_t bytes() const { return rows_.bytes() + sketches_.bytes() + sizeof *this; }

  /// Writes the codes of n raw vectors into reserved slots. Any thread, disjoint slots.
  virtual void encode(const float *vectors, size_t n, uint64_t first_slot) = 0;
  /// The vector that a code stands for (normalised for cosine).
  virtual void decode(uint32_t slot, float *out) const = 0;

  /// Size of a prepared query; the caller aligns it to 64 bytes.
  virtual size_t query_bytes() const = 0;
  virtual void prepare(const float *vector, void *query) const = 0;
  virtual void prepare_slot(uint32_t slot, void *query) const = 0;
  virtual void query_distances(const void *query, const uint32_t *slots, size_t n,
                               float *out) const = 0;
  virtual void pair_distances(uint32_t slot, const uint32_t *slots, size_t n, float *out) const = 0;
  /// Whether the kind has bounds of its own. Once calibrated they count as the scale of the errors.
  virtual bool has_bounds() const { return false; }
  virtual void query_bounds(const void *query, const uint32_t *slots, const float *distances,
                            size_t n, float *out) const;

  /// What callers prepare: the kind's own query and, behind it, its norm where errors grow with it.
  size_t prepared_bytes() const { return norm_offset() + sizeof(double); }
  void prepare_query(const float *vector, void *query) const {
    prepare(vector, query);
    note_norm(vector, query);
  }
  double query_norm(const void *prepared) const;
  /// Whether `bounds` says anything.
  bool bounded() const { return calibration_.known() || has_bounds(); }
  /// How far true distances lie below and above their estimates at most, each side for
  /// ANNULUS_BOUND_CONFIDENCE of the pairs; before calibration the scale of the errors.
  void bounds(const void *prepared, const uint32_t *slots, const float *distances, size_t n,
              annulus_bound *out) const;
  const Calibration &calibration() const { return calibration_; }
  Fit &fit() { return fit_; }
  /// Before anyone else has a reference.
  void set_calibration(const Calibration &calibration) { calibration_ = calibration; }

  /// Distances of the kind, whether all rows are in memory or not.
  void distances(const void *query, const uint32_t *slots, size_t n, float *out) const {
    if (has_all_rows()) return query_distances(query, slots, n, out);
    distances_early(query, slots, n, out);
  }
  /// Whether every published row is in memory; then it stays so. Before, the functions above that
  /// take slots must not be called: what the scorer and `distances` do instead goes through the
  /// arriving rows.
  bool has_all_rows() const { return !arriving_.load(std::memory_order_acquire); }
  /// Null once all rows are there.
  std::shared_ptr<ArrivingRows> arriving_rows() const;
  /// Before anyone else has a reference.
  void await_rows(std::shared_ptr<ArrivingRows> rows);
  void rows_have_arrived();

  void prefetch(const uint32_t *slots, size_t n) const;

  /// Whether there are sketches: where distances are those of the vectors that codes stand for.
  bool has_sketches() const;
  Sketches &sketches() { return sketches_; }

  /// What training found, for the user.
  virtual std::vector<Parameter> parameters() const { return {}; }
  /// What training found, for the snapshot: bytes that `load_codes` of this kind understands.
  virtual std::vector<uint8_t> codebook() const = 0;

  /// The table the graph takes; its `self` is this object.
  virtual annulus_scorer scorer() = 0;

  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 protected:
  Codes(CodeKind kind, uint32_t dimension, uint32_t metric, const RowLayout &layout)
      : kind_(kind), dimension_(dimension), metric_(metric), rows_(layout), sketches_(*this) {}

  /// Writes the norm of a vector, or of a query that has none at hand, behind a prepared query.
  void note_norm(const float *vector, void *prepared) const;

  // While rows arrive, and in case that they have just done so.
  void distances_early(const void *query, const uint32_t *slots, size_t n, float *out) const;
  void pair_distances_early(uint32_t slot, const uint32_t *slots, size_t n, float *out) const;
  void prepare_slot_early(uint32_t slot, void *query) const;

 private:
  size_t norm_offset() const { return (query_bytes() + 7) / 8 * 8; }

  CodeKind kind_;
  uint32_t dimension_;
  uint32_t metric_;
  RowStore rows_;
  Calibration calibration_;
  Fit fit_;
  std::atomic<bool> arriving_{false};
  mutable std::mutex arriving_mutex_;
  std::shared_ptr<ArrivingRows> arriving_rows_;
  Sketches sketches_;
  std::atomic<uint32_t> references_{1};
};

/// A counted reference to codes.
class CodesRef {
 public:
  CodesRef() = default;
  /// Takes over the reference that a new object starts with.
  static CodesRef adopt(Codes *codes) {
    CodesRef ref;
    ref.codes_ = codes;
    return ref;
  }
  explicit CodesRef(Codes *codes) : codes_(codes) { codes_->retain(); }
  CodesRef(const CodesRef &other) : codes_(other.codes_) {
    if (codes_ != nullptr) codes_->retain();
  }
  CodesRef(CodesRef &&other) noexcept : codes_(std::exchange(other.codes_, nullptr)) {}
  CodesRef &operator=(CodesRef other) noexcept {
    std::swap(codes_, other.codes_);
    return *this;
  }
  ~CodesRef() {
    if (codes_ != nullptr) codes_->release();
  }
  Codes *operator->() const { return codes_; }
  Codes &operator*() const { return *codes_; }
  Codes *get() const { return codes_; }
  explicit operator bool() const { return codes_ != nullptr; }

 private:
  Codes *codes_ = nullptr;
};

/// Supplies the scorer table of a final class: its thunks call the class's own functions directly,
/// so that a batch costs one indirect call.
template <typename Kind>
class CodesOf : public Codes {
 public:
  annulus_scorer scorer() final {
    annulus_scorer table{};
    table.head = {ANNULUS_ABI_MAGIC, ANNULUS_KIND_SCORER, sizeof(annulus_scorer),
                  ANNULUS_ABI_VERSION};
    table.self = static_cast<Kind *>(this);
    table.retain = [](void *self) { of(self)->retain(); };
    table.release = [](void *self) { of(self)->release(); };
    table.dimension = dimension();
    table.metric = metric();
    table.query_bytes = prepared_bytes();
    table.slots = [](void *self) { return of(self)->rows().slots(); };
    table.query_prepare = [](void *self, const float *vector, void *query) {
      of(self)->Kind::prepare(vector, query);
      of(self)->note_norm(vector, query);
    };
    table.query_distances = [](void *self, const void *query, const uint32_t *slots, size_t n,
                               float *out) {
      const Kind *codes = of(self);
      if (codes->has_all_rows()) return codes->Kind::query_distances(query, slots, n, out);
      codes->distances_early(query, slots, n, out);
    };
    table.pair_distances = [](void *self, uint32_t slot, const uint32_t *slots, size_t n,
                              float *out) {
      const Kind *codes = of(self);
      if (codes->has_all_rows()) return codes->Kind::pair_distances(slot, slots, n, out);
      codes->pair_distances_early(slot, slots, n, out);
    };
    table.query_from_slot = [](void *self, uint32_t slot, void *query) {
      const Kind *codes = of(self);
      if (codes->has_all_rows()) {
        codes->Kind::prepare_slot(slot, query);
      } else {
        codes->prepare_slot_early(slot, query);
      }
      codes->note_norm(nullptr, query);
    };
    table.prefetch = [](void *self, const uint32_t *slots, size_t n) {
      of(self)->prefetch(slots, n);
    };
    if (has_sketches()) add_sketches(table);
    if (bounded()) {
      table.query_bounds = [](void *self, const void *query, const uint32_t *slots,
                              const float *distances, size_t n, annulus_bound *out) {
        of(self)->bounds(query, slots, distances, n, out);
      };
    }
    return table;
  }

 protected:
  using Codes::Codes;

 private:
  void add_sketches(annulus_scorer &table) {
    table.sketch_query_bytes = sketches().query_bytes();
    table.sketch_prepare = [](void *self, const float *vector, void *query) -> int32_t {
      return of(self)->sketches().prepare(vector, query) ? 1 : 0;
    };
    table.sketch_begin = [](void *self, const uint32_t *slots, size_t n) -> int32_t {
      return of(self)->sketches().begin(slots, n) ? 1 : 0;
    };
    table.sketch_keep = [](void *self, const void *query, uint32_t *slots, size_t n, float limit,
                           size_t *unknown) {
      return of(self)->sketches().keep(query, slots, n, limit, *unknown);
    };
  }
  static Kind *of(void *self) { return static_cast<Kind *>(self); }
};

}  // namespace annulus
