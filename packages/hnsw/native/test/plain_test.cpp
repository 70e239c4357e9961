// The parts of a walk and of linking that have a plain description, against it, on random input.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "../graph.h"
#include "../select.h"
#include "float_scorer.h"

namespace hnsw = annulus::hnsw;
using hnsw::Entry;

namespace {

std::mt19937 random_bits(1);
uint32_t below(uint32_t n) { return random_bits() % n; }

uint32_t checks = 0;
void require(bool holds, const char *what) {
  ++checks;
  if (holds) return;
  std::fprintf(stderr, "plain: %s\n", what);
  std::exit(1);
}

// A beam is what sorting everything it was given leaves, whether one by one or together, and the
// nearest entry not taken before comes next.
void a_beam_keeps_the_nearest() {
  for (uint32_t round = 0; round < 500; ++round) {
    const uint32_t width = 1 + below(40);
    hnsw::Beam beam;
    beam.reset(width);
    std::vector<Entry> all;
    std::vector<Entry> taken;
    for (uint32_t turn = 0; turn < 20; ++turn) {
      std::vector<Entry> fresh;
      for (uint32_t n = below(33); n > 0; --n) {
        const auto slot = static_cast<uint32_t>(turn * 64 + n);
        const Entry entry = hnsw::make_entry(static_cast<float>(below(30)) - 10, slot);
        if (entry < beam.bound()) fresh.push_back(entry);
      }
      all.insert(all.end(), fresh.begin(), fresh.end());
      if (fresh.size() == 1) {
        beam.insert(fresh[0]);
      } else {
        beam.merge(fresh.data(), static_cast<uint32_t>(fresh.size()));
      }
      std::sort(all.begin(), all.end());
      if (all.size() > width) all.resize(width);
      require(beam.size() == all.size(), "as many entries as there are, up to the width");
      for (uint32_t i = 0; i < beam.size(); ++i) {
        require((beam[i] & ~hnsw::kExpanded) == all[i], "the nearest, in order");
      }
      for (uint32_t n = below(3); n > 0; --n) {
        const auto left = [&](Entry e) { return !std::count(taken.begin(), taken.end(), e); };
        const auto next = std::find_if(all.begin(), all.end(), left);
        const Entry entry = beam.take();
        require(entry == (next == all.end() ? hnsw::kWorstEntry : *next), "the nearest not taken");
        if (next != all.end()) taken.push_back(entry);
      }
    }
  }
}

constexpr uint32_t kPoints = 400;
constexpr uint32_t kDimension = 3;

// Algorithm 4 of the paper as it is written, one candidate after the other.
std::vector<Entry> choose_plainly(const annulus_scorer &scorer, const std::vector<Entry> &from,
                                  uint32_t limit) {
  std::vector<Entry> chosen;
  uint32_t free = limit;
  for (const Entry candidate : from) {
    const bool kept = (candidate & hnsw::kKept) != 0;
    bool shadowed = false;
    for (const Entry other : chosen) {
      const uint32_t slot = hnsw::slot_of(other);
      float distance;
      scorer.pair_distances(scorer.self, hnsw::slot_of(candidate), &slot, 1, &distance);
      shadowed = shadowed || distance < hnsw::distance_of(candidate);
    }
    if (!kept && (free == 0 || shadowed)) continue;
    free -= kept ? 0 : 1;
    chosen.push_back(candidate);
  }
  return chosen;
}

void links_are_chosen_as_the_paper_says() {
  hnsw::test::FloatScorer scorer(kDimension, ANNULUS_METRIC_EUCLIDEAN, kPoints);
  std::normal_distribution<float> normal;
  for (uint32_t i = 0; i < kPoints; ++i) {
    float vector[kDimension];
    for (float &x : vector) x = normal(random_bits);
    scorer.add(vector);
  }
  hnsw::Graph graph(scorer.table(), hnsw::Params{});
  hnsw::ScratchLease scratch(graph.scratches);
  for (uint32_t round = 0; round < 300; ++round) {
    std::vector<uint32_t> others;
    const uint32_t base = below(kPoints);
    const uint32_t share = 1 + below(8);
    for (uint32_t i = 0; i < kPoints; ++i) {
      if (i != base && below(share) == 0) others.push_back(i);
    }
    std::vector<float> distances(others.size());
    const annulus_scorer &table = graph.scorer();
    table.pair_distances(table.self, base, others.data(), others.size(), distances.data());
    std::vector<Entry> candidates;
    for (size_t i = 0; i < others.size(); ++i) {
      const Entry flag = below(20) == 0 ? hnsw::kKept : 0;
      candidates.push_back(hnsw::make_entry(distances[i], others[i]) | flag);
    }
    std::sort(candidates.begin(), candidates.end());
    const uint32_t limit = below(12);
    const std::vector<Entry> expected = choose_plainly(table, candidates, limit);
    (*scratch).candidates = candidates;
    hnsw::select_diverse(graph, *scratch, limit);
    require((*scratch).chosen == expected, "chosen as if one by one");
    require((*scratch).words.size() == expected.size(), "a word for each");
    for (size_t i = 0; i < expected.size(); ++i) {
      const bool kept = (expected[i] & hnsw::kKept) != 0;
      require((*scratch).words[i] == hnsw::make_word(hnsw::slot_of(expected[i]), kept), "its word");
    }
  }
}

}  // namespace

int main() {
  a_beam_keeps_the_nearest();
  links_are_chosen_as_the_paper_says();
  std::printf("plain: %u checks, 0 failed\n", checks);
  return 0;
}
