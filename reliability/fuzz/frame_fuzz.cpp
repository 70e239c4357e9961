// The frame that all snapshots share: any header, any section table, any length, every checksum
// right.
#include <annulus/snapshot_reader.h>

#include <cstdint>

#include "snapshot_image.h"

using namespace annulus;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::Input input(data, size);
  fuzz::Image image("kind", 1);
  const uint32_t sections = input.byte() % 5;
  for (uint32_t i = 0; i < sections; ++i) {
    const std::vector<uint8_t> bytes = input.bytes(input.byte());
    image.add(input.byte() % 8, bytes.data(), bytes.size());
  }
  for (uint32_t faults = input.byte() % 4; faults > 0; --faults) {
    const uint32_t word = input.one_in(2) ? input.word() : input.byte();
    const uint32_t at = 2 + input.byte() % (14 + 8 * (sections + 1));
    std::memcpy(reinterpret_cast<uint8_t *>(&image.header()) + at * 4, &word, sizeof word);
  }
  const std::string &path = image.store(input);
  const auto mode = input.one_in(2) ? SnapshotReader::Mode::map : SnapshotReader::Mode::read;
  SnapshotReader reader;
  if (!reader.open(path, "kind", 1, mode).ok()) return 0;
  for (const SnapshotReader::Section &section : reader.sections()) {
    if (section.length == 0) continue;
    section.data[0] ^= section.data[section.length / 2];
    section.data[section.length - 1] ^= section.data[0];
  }
  return 0;
}
