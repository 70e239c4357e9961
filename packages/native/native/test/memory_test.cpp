// Aligned memory and bitmaps.
#include <annulus/aligned.h>
#include <annulus/bitmap.h>

#include <random>
#include <set>

#include "check.h"

using namespace annulus;

namespace {

void alignment() {
  for (size_t size = 1; size < 300; ++size) {
    const AlignedVector<float> values(size, 1.5f);
    CHECK(reinterpret_cast<uintptr_t>(values.data()) % cache_line_bytes == 0);
    CHECK(values.back() == 1.5f);
  }
  AlignedVector<uint8_t> large(huge_block_bytes + 5, 7);
  CHECK(reinterpret_cast<uintptr_t>(large.data()) % huge_page_bytes == 0);
  large.resize(100);
  large.shrink_to_fit();
  CHECK(large.size() == 100 && large[99] == 7);
  bool refused = false;
  try {
    AlignedAllocator<uint64_t>().allocate(SIZE_MAX / 4);
  } catch (const std::bad_alloc &) {
    refused = true;
  }
  CHECK(refused);
}

void bitmaps() {
  std::mt19937 random(3);
  for (uint64_t bits = 0; bits < 200; ++bits) {
    std::vector<uint32_t> words(bitmap_words(bits) + 1, 0);
    std::set<uint64_t> expected;
    for (uint64_t i = 0; i < bits; ++i) {
      if (random() % 3 != 0) continue;
      set_bit(words.data(), i);
      expected.insert(i);
    }
    for (uint64_t i = bits; i < words.size() * 32; ++i) set_bit(words.data(), i);  // must not count
    const Bitmap bitmap(words.data(), bits);
    CHECK(bitmap.count() == expected.size());
    std::set<uint64_t> seen;
    bitmap.each([&](uint64_t bit) { return seen.insert(bit).second; });
    CHECK(seen == expected);
    for (uint64_t i = 0; i < bits + 40; ++i) CHECK(bitmap.test(i) == (expected.count(i) == 1));
    if (!expected.empty()) {
      uint64_t first = 0, visits = 0;
      bitmap.each([&](uint64_t bit) {
        first = bit;
        ++visits;
        return false;
      });
      CHECK(first == *expected.begin() && visits == 1);
      clear_bit(words.data(), first);
      CHECK(!bitmap.test(first) && bitmap.count() == expected.size() - 1);
    }
    const Bitmap all(nullptr, bits);
    CHECK(all.count() == bits && !all.test(bits) && all.test(0) == (bits > 0));
    uint64_t visited = 0;
    all.each([&](uint64_t bit) { return bit == visited++; });
    CHECK(visited == bits);
  }
}

}  // namespace

int main() {
  alignment();
  bitmaps();
  return check::finish("memory");
}
