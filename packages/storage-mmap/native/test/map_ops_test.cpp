// The system's own mapping operations, on holes of a real file: a page of a hole that nobody has
// read or written is in nobody's memory, whatever the file system.
#include <annulus/map_ops.h>

#include <set>

#include "mapped_file.h"
#include "tests.h"

namespace annulus_test {

namespace {

constexpr size_t kPages = 300;  // more than are asked about at once, several times

// A range is resident exactly when each page it touches is.
void resident_means_every_page() {
  annulus::SystemMapOps ops;
  for (unsigned seed = 1; seed <= runs(20); ++seed) {
    std::mt19937 random(seed);
    MappedFile file(kPages * page());
    std::set<size_t> missing;
    for (size_t i = 0; i < kPages; ++i) missing.insert(i);
    const size_t left = random() % 4;
    while (missing.size() > left) {
      const auto chosen = std::next(missing.begin(), random() % missing.size());
      file.write("x", 1, *chosen * page() + random() % page());
      missing.erase(chosen);
    }
    for (int i = 0; i < 200; ++i) {
      const size_t begin = random() % (kPages * page());
      const size_t end = begin + 1 + random() % (kPages * page() - begin);
      const auto next = missing.lower_bound(begin / page());
      const bool all = next == missing.end() || *next > (end - 1) / page();
      CHECK_SEED(ops.resident(file.data() + begin, end - begin) == all, seed);
    }
  }
}

void what_cannot_be_told_is_resident() {
  annulus::SystemMapOps ops;
  MappedFile file(2 * page());
  const uint8_t *gone = file.data();
  file.unmap();
  CHECK(ops.resident(gone, 1));
}

}  // namespace

std::vector<Test> map_ops_tests() {
  return {{"resident means every page", resident_means_every_page},
          {"what cannot be told is resident", what_cannot_be_told_is_resident}};
}

}  // namespace annulus_test
