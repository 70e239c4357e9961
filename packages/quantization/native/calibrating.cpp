#include "calibrating.h"

#include <annulus/aligned.h>
#include <annulus/distance.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kinds.h"

namespace annulus {

namespace {

constexpr size_t codes_max = 8192;
constexpr size_t queries_max = 256;
constexpr size_t encode_part = 64;
constexpr size_t candidates_min = 16;
// How far towards its nearest neighbour a vector is moved to become a query very near its own code.
constexpr float moves[] = {0, 0.125f, 0.25f, 0.5f};
constexpr size_t moves_count = sizeof moves / sizeof *moves;

class Calibrating : public std::enable_shared_from_this<Calibrating> {
 public:
  Calibrating(const CodesRef &codes, const TrainingInput &input, size_t every,
              const Held<annulus_pool> &pool, const int32_t *abort,
              std::function<void(RunEnd)> done)
      : codes_(codes),
        input_(input),
        every_(every),
        pool_(pool),
        abort_(abort),
        done_(std::move(done)) {}

  // The codes themselves must stay empty, so others from the same codebook are measured.
  void start() {
    n_ = std::min(input_.n, codes_max);
    queries_ = std::min(n_, queries_max);
    const std::vector<uint8_t> codebook = codes_->codebook();
    scratch_ = CodesRef::adopt(codes_from(static_cast<uint32_t>(codes_->kind()), input_.dimension,
                                          input_.metric, codebook.data(), codebook.size()));
    if (!scratch_ || !scratch_->rows().reserve(n_)) return done_(RunEnd::out_of_memory);
    errors_.resize(n_);
    const auto self = shared_from_this();
    run_background(
        pool_, (n_ + encode_part - 1) / encode_part, lanes(), abort_,
        [self](size_t part, size_t) { self->encode(part); },
        [self](RunEnd end) { self->encoded(end); });
  }

 private:
  size_t lanes() const { return pool_->threads(pool_->self); }
  const float *vector(size_t i) const {
    return input_.sample + i * input_.n / n_ * every_ * input_.dimension;
  }
  // Queries are spread over the vectors that have codes.
  size_t query_index(size_t q) const { return q * n_ / queries_; }

  void encode(size_t part) {
    std::vector<float> decoded(input_.dimension);
    for (size_t i = part * encode_part; i < std::min(n_, (part + 1) * encode_part); ++i) {
      scratch_->encode(vector(i), 1, i);
      scratch_->decode(static_cast<uint32_t>(i), decoded.data());
      errors_[i] = static_cast<float>(
          reconstruction_error(input_.metric, vector(i), decoded.data(), input_.dimension));
    }
  }

  void encoded(RunEnd end) {
    if (end != RunEnd::completed) return done_(end);
    scratch_->rows().publish(n_);
    try {
      pairs_.all.resize(queries_ * n_);
      pairs_.candidates.resize(queries_ * candidates());
      pairs_.nearer.resize(queries_ * moves_count);
    } catch (const std::bad_alloc &) {
      return done_(RunEnd::out_of_memory);
    }
    const auto self = shared_from_this();
    run_background(
        pool_, queries_, lanes(), abort_, [self](size_t query, size_t) { self->measure(query); },
        [self](RunEnd measured) { self->measured(measured); });
  }

  void measure(size_t q) {
    const size_t own = query_index(q);
    std::vector<uint32_t> slots(n_);
    for (size_t i = 0; i < n_; ++i) slots[i] = static_cast<uint32_t>(i);
    const Query query(*this, vector(own));
    MeasuredPair *pairs = pairs_.all.data() + q * n_;
    const size_t nearest = query.compare(slots, own, pairs);
    keep_candidates(pairs, pairs_.candidates.data() + q * candidates());
    std::vector<float> moved(input_.dimension);
    for (size_t m = 0; m < moves_count; ++m) {
      for (size_t i = 0; i < moved.size(); ++i) {
        moved[i] = vector(own)[i] + moves[m] * (vector(nearest)[i] - vector(own)[i]);
      }
      const Query near(*this, moved.data());
      near.compare({static_cast<uint32_t>(own)}, n_, pairs_.nearer.data() + q * moves_count + m);
    }
  }

  // A query prepared for estimates and for exact distances.
  class Query {
   public:
    Query(const Calibrating &run, const float *vector)
        : run_(run),
          exact_(run.input_.metric, vector, run.input_.dimension),
          prepared_(run.scratch_->prepared_bytes()) {
      run.scratch_->prepare_query(vector, prepared_.data());
    }

    // Measures the slots; `own` and what is not finite count for nothing. Returns the nearest
    // other.
    size_t compare(const std::vector<uint32_t> &slots, size_t own, MeasuredPair *out) const {
      const Codes &codes = *run_.scratch_;
      const uint32_t metric = run_.input_.metric;
      const size_t n = slots.size();
      std::vector<float> estimates(n);
      std::vector<annulus_bound> scales(n);
      codes.query_distances(prepared_.data(), slots.data(), n, estimates.data());
      codes.bounds(prepared_.data(), slots.data(), estimates.data(), n, scales.data());
      const double norm = codes.query_norm(prepared_.data());
      size_t nearest = slots[0];
      float least = std::numeric_limits<float>::infinity();
      for (size_t i = 0; i < n; ++i) {
        const float distance = exact_.distance(run_.vector(slots[i]));
        const double error = static_cast<double>(estimates[i]) - distance;
        const double position = pair_position(metric, estimates[i], norm);
        out[i] = {static_cast<float>(position), static_cast<float>(error / scales[i].below)};
        if (slots[i] == own || !(scales[i].below > 0)) out[i].error = std::nanf("");
        // No NaN among positions: they are sorted.
        if (!std::isfinite(out[i].position)) out[i] = {std::numeric_limits<float>::infinity(), 0};
        if (slots[i] != own && distance < least) {
          least = distance;
          nearest = slots[i];
        }
      }
      return nearest;
    }

   private:
    const Calibrating &run_;
    ExactQuery exact_;
    AlignedVector<uint8_t> prepared_;
  };

  size_t candidates() const { return std::min(n_, std::max(candidates_min, n_ / 100)); }

  void keep_candidates(const MeasuredPair *pairs, MeasuredPair *out) const {
    std::vector<MeasuredPair> order(pairs, pairs + n_);
    const auto end = order.begin() + static_cast<ptrdiff_t>(candidates());
    // A pair that counts for nothing still has its place; it is left out later.
    std::nth_element(
        order.begin(), end - 1, order.end(),
        [](const MeasuredPair &a, const MeasuredPair &b) { return a.position < b.position; });
    std::copy(order.begin(), end, out);
  }

  void measured(RunEnd end) {
    if (end != RunEnd::completed) return done_(end);
    keep_finite(pairs_.all);
    keep_finite(pairs_.candidates);
    keep_finite(pairs_.nearer);
    Calibration calibration = fit_calibration(pairs_);
    calibration.tail_error = tail_error();
    codes_->set_calibration(calibration);
    done_(RunEnd::completed);
  }

  static void keep_finite(AlignedVector<MeasuredPair> &pairs) {
    pairs.erase(std::remove_if(pairs.begin(), pairs.end(),
                               [](const MeasuredPair &pair) {
                                 return !std::isfinite(pair.position) || !std::isfinite(pair.error);
                               }),
                pairs.end());
  }

  double tail_error() {
    const auto rank = static_cast<size_t>((1 - Calibration::tail_share) *
                                          static_cast<double>(errors_.size() - 1));
    std::nth_element(errors_.begin(), errors_.begin() + static_cast<ptrdiff_t>(rank),
                     errors_.end());
    return std::isfinite(errors_[rank]) ? errors_[rank] : 0;
  }

  CodesRef codes_;
  TrainingInput input_;
  size_t every_;
  Held<annulus_pool> pool_;
  const int32_t *abort_;
  std::function<void(RunEnd)> done_;
  CodesRef scratch_;
  size_t n_ = 0;
  size_t queries_ = 0;
  MeasuredPairs pairs_;
  std::vector<float> errors_;
};

}  // namespace

void calibrate(const CodesRef &codes, const TrainingInput &input, size_t every,
               const Held<annulus_pool> &pool, const int32_t *abort,
               std::function<void(RunEnd)> done) {
  if (codes->kind() == CodeKind::none || input.n == 0) return done(RunEnd::completed);
  try {
    std::make_shared<Calibrating>(codes, input, every, pool, abort, done)->start();
  } catch (const std::bad_alloc &) {
    done(RunEnd::out_of_memory);
  }
}

}  // namespace annulus
