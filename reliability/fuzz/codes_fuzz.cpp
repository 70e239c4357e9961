// Codes of every kind, loaded from a made-up file and then used for everything they offer.
#include <annulus/aligned.h>

#include <cmath>
#include <cstdint>
#include <memory>

#include "../../packages/quantization/native/kinds.h"
#include "../../packages/quantization/native/snapshot.h"
#include "snapshot_image.h"

using namespace annulus;

namespace {

constexpr uint32_t kKinds = 6;
constexpr uint32_t kSlotsMax = 9;

void use(const Codes &codes) {
  const uint64_t slots = codes.rows().slots();
  if (slots == 0) return;
  std::vector<float> vector(codes.dimension());
  for (size_t i = 0; i < vector.size(); ++i) vector[i] = static_cast<float>(i % 7) - 3.0f;
  AlignedVector<uint8_t> query(codes.query_bytes());
  std::vector<uint32_t> all(slots);
  for (uint32_t slot = 0; slot < slots; ++slot) all[slot] = slot;
  std::vector<float> distances(slots), bounds(slots);
  codes.prepare(vector.data(), query.data());
  codes.query_distances(query.data(), all.data(), slots, distances.data());
  if (codes.has_bounds()) {
    codes.query_bounds(query.data(), all.data(), distances.data(), slots, bounds.data());
  }
  codes.prepare_slot(all.back(), query.data());
  codes.query_distances(query.data(), all.data(), slots, distances.data());
  codes.pair_distances(0, all.data(), slots, distances.data());
  codes.decode(all.back(), vector.data());
}

// As a graph does, with rows that have not arrived or could not be read.
void score(Codes &codes) {
  const annulus_scorer scorer = codes.scorer();
  const uint64_t slots = codes.rows().slots();
  if (slots == 0) return;
  std::vector<float> vector(codes.dimension(), 0.5f);
  AlignedVector<uint8_t> query(scorer.query_bytes);
  std::vector<uint32_t> all(slots);
  for (uint32_t slot = 0; slot < slots; ++slot) all[slot] = slot;
  std::vector<float> distances(slots);
  std::vector<annulus_bound> bounds(slots);
  scorer.query_prepare(scorer.self, vector.data(), query.data());
  scorer.query_distances(scorer.self, query.data(), all.data(), slots, distances.data());
  if (scorer.query_bounds != nullptr) {
    scorer.query_bounds(scorer.self, query.data(), all.data(), distances.data(), slots,
                        bounds.data());
  }
  scorer.query_from_slot(scorer.self, all.back(), query.data());
  scorer.pair_distances(scorer.self, 0, all.data(), slots, distances.data());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::Input input(data, size);
  codes_snapshot::Description about{};
  about.kind = input.byte() % kKinds;
  about.dimension = 1 + input.byte() % 70;
  about.metric = input.byte() % 5;
  about.slots = input.byte() % kSlotsMax;
  const uint32_t codebook_bytes = (input.byte() << 8 | input.byte()) % 2048;
  const bool honest = !input.one_in(16);
  fuzz::Image image(codes_snapshot::kind, codes_snapshot::version);
  const std::vector<uint8_t> codebook = input.bytes(codebook_bytes);
  // The layout follows from the codebook; with another the file is refused at once.
  const auto made =
      CodesRef::adopt(kind_known(about.kind) ? codes_from(about.kind, about.dimension, about.metric,
                                                          codebook.data(), codebook.size())
                                             : nullptr);
  if (made) {
    const RowLayout &layout = made->rows().layout();
    about.code_bytes = layout.code_bytes;
    about.term_bytes = layout.term_bytes;
    about.stride = layout.stride;
    about.terms_in_row = layout.terms_in_row ? 1 : 0;
  }
  const std::vector<uint8_t> rows = input.bytes(about.slots * about.stride);
  const std::vector<uint8_t> terms = input.bytes(about.slots * about.term_bytes);
  if (!honest) {
    const uint32_t word = input.word();
    std::memcpy(reinterpret_cast<uint8_t *>(&about) + input.byte() % 10 * 4, &word, sizeof word);
  }
  image.add(codes_snapshot::description, &about, sizeof about);
  image.add(codes_snapshot::codebook, codebook.data(), codebook.size());
  image.add(codes_snapshot::rows, rows.data(), rows.size());
  if (about.terms_in_row == 0 && !terms.empty()) {
    image.add(codes_snapshot::terms, terms.data(), terms.size());
  }
  CodesRef codes;
  const auto path = image.store(input);
  const bool later = input.one_in(2);
  if (!load_codes(path, nullptr, codes, later ? 0 : UINT64_MAX).ok()) return 0;
  if (later) score(*codes);
  if (load_rows(codes, nullptr).ok()) use(*codes);
  return 0;
}
