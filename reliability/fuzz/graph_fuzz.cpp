// A graph, loaded from a made-up file, then searched, shrunk and checked.
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "../../packages/hnsw/native/check.h"
#include "../../packages/hnsw/native/remove.h"
#include "../../packages/hnsw/native/search.h"
#include "../../packages/hnsw/native/snapshot.h"
#include "../../packages/hnsw/native/snapshot_sections.h"
#include "../../packages/hnsw/native/test/float_scorer.h"
#include "snapshot_image.h"

using namespace annulus;
using namespace annulus::hnsw;

namespace {

constexpr uint32_t kDimension = 4;
constexpr uint32_t kSlots = 24;

const annulus_scorer &scorer() {
  static test::FloatScorer scorer(kDimension, ANNULUS_METRIC_EUCLIDEAN, kSlots);
  static const annulus_scorer table = [] {
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      const float vector[kDimension] = {float(slot), float(slot % 5), float(slot % 3), 1.0f};
      scorer.add(vector);
    }
    return scorer.table();
  }();
  return table;
}

void search_in(const Graph &graph) {
  const float query[kDimension] = {3, 1, 2, 1};
  const uint32_t allowed = 0x55555555;
  uint32_t slots[8];
  float distances[8];
  for (const bool filtered : {false, true}) {
    annulus_candidate_request request{};
    request.query = query;
    request.k = 8;
    request.ef = 8;
    request.allowed = filtered ? &allowed : nullptr;
    request.allowed_bits = filtered ? kSlots : 0;
    request.slots = slots;
    request.distances = distances;
    search(graph, request);
    if (request.status != ANNULUS_OK || request.found > 8) std::abort();
    for (uint32_t i = 0; i < request.found; ++i) {
      if (slots[i] >= kSlots || (i > 0 && distances[i - 1] > distances[i])) std::abort();
    }
  }
}

/// A list of a slot: mostly links to slots there are, none twice, then zeros.
void add_list(std::vector<uint32_t> &words, uint32_t capacity, uint32_t slots, bool tree_links,
              fuzz::Input &input) {
  const size_t first = words.size();
  words.resize(first + capacity);
  const uint32_t length = input.byte() % (capacity + 1);
  for (uint32_t i = 0; i < length; ++i) {
    const uint8_t given = input.byte();
    uint32_t word = slots == 0 ? given : given % slots + 1;
    if (tree_links && given >= 0xc0) word |= kTreeLink;
    if (given == 0xff) word = input.word();
    words[first + i] = word;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::Input input(data, size);
  SnapshotFields fields{};
  fields.m = 4 + input.byte() % 3;
  fields.ef_construct = 8;
  fields.seed = input.byte() % 4;
  fields.slots = input.byte() % (kSlots + 1);
  fields.entry_slot = kNone;
  const Params params{fields.m, fields.ef_construct, fields.seed};
  std::vector<uint8_t> states(fields.slots), levels(fields.slots);
  std::vector<uint32_t> base, upper;
  for (uint32_t slot = 0; slot < fields.slots; ++slot) {
    const uint8_t given = input.byte();
    states[slot] = given < 200 ? kLinked : given % 9;
    const bool linked = has_links(states[slot]);
    levels[slot] = linked ? level_of(params, slot) : 0;
    if (given == 255) levels[slot] = input.byte();
    fields.linked += linked;
    fields.removed += is_gone(states[slot]);
    if (linked && states[slot] != kLeaving &&
        (fields.entry_slot == kNone || levels[slot] > fields.entry_level)) {
      fields.entry_slot = slot;
      fields.entry_level = levels[slot];
    }
    add_list(base, params.m0(), fields.slots, true, input);
    for (uint32_t level = 1; level <= levels[slot] && level < 8; ++level) {
      add_list(upper, params.m, fields.slots, false, input);
    }
  }
  if (input.one_in(16)) {
    const uint32_t word = input.word();
    std::memcpy(reinterpret_cast<uint8_t *>(&fields) + input.byte() % 12 * 4, &word, sizeof word);
  }
  fuzz::Image image(kSnapshotKind, kSnapshotVersion);
  image.add(kFieldsSection, &fields, sizeof fields);
  image.add(kStatesSection, states.data(), states.size());
  image.add(kLevelsSection, levels.data(), levels.size());
  image.add(kBaseSection, base.data(), base.size() * sizeof(uint32_t));
  image.add(kUpperSection, upper.data(), upper.size() * sizeof(uint32_t));
  std::shared_ptr<Graph> graph;
  if (!load(image.store(input), scorer(), nullptr, graph).ok()) return 0;
  search_in(*graph);
  check(*graph);
  for (uint32_t i = 0; i < 3 && fields.slots > 0; ++i) {
    remove_node(*graph, static_cast<uint32_t>(input.byte() % fields.slots));
  }
  search_in(*graph);
  return 0;
}
