#include "scan.h"

#include <annulus/together.h>

#include <algorithm>

namespace annulus::hnsw {

namespace {

constexpr uint32_t kBatch = 256;  // so many that asking for the first rows of each costs little
// What is worth waking a worker for: some 0.2 ms. More parts than workers, because the admitted may
// be spread unevenly.
constexpr uint64_t kPartNodes = 4096;
constexpr uint64_t kMaxParts = 32;

class Scan {
 public:
  Scan(const Graph &graph, const Scratch &scratch, const Admission &admission, const int32_t *abort)
      : graph_(graph), query_(scratch.query.data()), admission_(admission), abort_(abort) {}

  /// The nearest of the admitted slots in [from, to); `from` is a multiple of 32.
  void part(uint64_t from, uint64_t to, Beam &results) const {
    const uint32_t *words =
        admission_.allowed == nullptr ? nullptr : admission_.allowed + from / 32;
    uint32_t slots[kBatch];
    uint32_t n = 0;
    bool going = true;
    Bitmap(words, to - from).each([&](uint64_t bit) {
      const auto slot = static_cast<uint32_t>(from + bit);
      if (graph_.nodes.state(slot) == kLinked) slots[n++] = slot;
      if (n < kBatch) return true;
      score(slots, n, results);
      n = 0;
      going = !aborted();
      return going;
    });
    if (going) score(slots, n, results);
  }

  bool aborted() const {
    return abort_ != nullptr && __atomic_load_n(abort_, __ATOMIC_RELAXED) != 0;
  }

 private:
  void score(const uint32_t *slots, uint32_t n, Beam &results) const {
    const annulus_scorer &scorer = graph_.scorer();
    float distances[kBatch];
    scorer.query_distances(scorer.self, query_, slots, n, distances);
    for (uint32_t i = 0; i < n; ++i) {
      const Entry entry = make_entry(distances[i], slots[i]);
      if (entry < results.bound()) results.insert(entry);
    }
  }

  const Graph &graph_;
  const uint8_t *query_;
  const Admission &admission_;
  const int32_t *abort_;
};

}  // namespace

bool scan_admitted(const Graph &graph, Scratch &scratch, const Admission &admission,
                   uint64_t admitted, uint32_t width, const annulus_pool *pool,
                   const int32_t *abort) {
  const Scan scan(graph, scratch, admission, abort);
  const uint64_t reserved = graph.nodes.reserved();
  const uint64_t end =
      admission.allowed == nullptr ? reserved : std::min(reserved, admission.allowed_bits);
  scratch.results.reset(width);
  const uint64_t parts = pool == nullptr ? 1 : std::min(admitted / kPartNodes, kMaxParts);
  if (parts < 2) {
    scan.part(0, end, scratch.results);
    return !scan.aborted();
  }
  // Whole words of the bitmap each.
  const uint64_t size = (end / parts / 32 + 1) * 32;
  std::vector<Beam> &found = scratch.parts;
  if (found.size() < parts) found.resize(parts);
  for (uint64_t i = 0; i < parts; ++i) found[i].reset(width);
  run_together(pool, parts, [&](size_t i) {
    const uint64_t from = std::min(i * size, end);
    scan.part(from, std::min(from + size, end), found[i]);
  });
  if (scan.aborted()) return false;
  for (uint64_t i = 0; i < parts; ++i) {
    for (uint32_t at = 0; at < found[i].size(); ++at) {
      if (found[i][at] < scratch.results.bound()) scratch.results.insert(found[i][at]);
    }
  }
  return true;
}

}  // namespace annulus::hnsw
