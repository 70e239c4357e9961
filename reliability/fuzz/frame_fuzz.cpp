// The frame that all snapshots share: any header, any section table, any length, every checksum
// right.
#include <annulus/snapshot_file.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

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
  // As loaders read: all of a section at once, or a part at a time.
  const size_t part_bytes = input.one_in(2) ? size_t{1} + input.byte() : 0;
  SnapshotFile file;
  if (!file.open(path, "kind", 1).ok()) return 0;
  for (uint32_t i = 0; i < file.header().sections; ++i) {
    const snapshot::SectionEntry &entry = file.header().entries[i];
    if (file.find(entry.id) != &entry) std::abort();
    std::vector<uint8_t> bytes(static_cast<size_t>(entry.length));
    if (part_bytes == 0) {
      file.read(entry, nullptr, bytes.data());
      continue;
    }
    file.read(entry, nullptr, [&](uint64_t offset, size_t wanted, size_t) {
      return ReadTarget{bytes.data() + offset, std::min(wanted, part_bytes)};
    });
  }
  return 0;
}
