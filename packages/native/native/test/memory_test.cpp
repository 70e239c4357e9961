// Aligned memory and bitmaps.
#include <annulus/aligned.h>
#include <annulus/bitmap.h>
#include <annulus/page_joiner.h>

#include <algorithm>
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

#if !defined(_WIN32) && !defined(ANNULUS_ADDRESS_SANITIZER)
bool is_mapped(uint8_t *page) { return msync(page, 1, MS_ASYNC) == 0; }

uint8_t *page_within(uint8_t *block) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<uintptr_t>(block);
  return block + ((address + page - 1) / page * page - address);
}

void large_blocks_go_back() {
  // From now on glibc's malloc keeps blocks up to 16 MiB, as soon as something behind them lives.
  std::vector<uint8_t>(size_t{16} << 20, 1).clear();
  for (const size_t bytes : {own_pages_bytes, own_pages_bytes + 1, huge_block_bytes + 4097}) {
    uint8_t *block = AlignedAllocator<uint8_t>().allocate(bytes);
    const std::vector<uint8_t> behind(1000, 1);
    CHECK(block[0] == 0 && block[bytes - 1] == 0);
    block[0] = block[bytes - 1] = 1;
    uint8_t *first = page_within(block), *last = page_within(block + bytes - 4096);
    CHECK(is_mapped(first) && is_mapped(last));
    AlignedAllocator<uint8_t>().deallocate(block, bytes);
    CHECK(!is_mapped(first) && !is_mapped(last));
  }
}
#else
void large_blocks_go_back() {}
#endif

void alignments_of_pages() {
  for (size_t alignment = 1; alignment <= size_t{8} << 20; alignment *= 2) {
    void *block = map_pages(alignment / 2 + 1, alignment);
    CHECK(block != nullptr);
    CHECK(reinterpret_cast<uintptr_t>(block) % std::min(alignment, size_t{4096}) == 0);
#if !defined(_WIN32)
    CHECK(reinterpret_cast<uintptr_t>(block) % alignment == 0);
#endif
    unmap_pages(block, alignment / 2 + 1);
  }
  CHECK(map_pages(SIZE_MAX - 100, 1) == nullptr &&
        map_pages(SIZE_MAX / 2, SIZE_MAX / 2 + 1) == nullptr);
}

// Whether the system joins anything or not, nobody can tell by what is in the memory, and it may go
// as soon as the joiner has.
void joining() {
  const size_t bytes = 3 * huge_page_bytes + 100;
  for (const int rests : {0, 0, 1000}) {
    uint8_t *memory = AlignedAllocator<uint8_t>().allocate(bytes);
    postpone_huge_pages(memory, bytes);
    make_present(memory, bytes);
    for (size_t i = 0; i < bytes; ++i) memory[i] = static_cast<uint8_t>(i * 31 >> 7);
    advise_huge_pages(memory, bytes);
    {
      PageJoiner joiner{std::chrono::seconds(rests)};
      joiner.begin({{memory + 5, 40}});  // no whole page
      joiner.stop();
      joiner.begin({{memory, bytes}});
      size_t wrong = 0;
      for (size_t i = 0; i < bytes; ++i) wrong += memory[i] != static_cast<uint8_t>(i * 31 >> 7);
      CHECK(wrong == 0);
      // Ends now, however long it wants to rest.
    }
    AlignedAllocator<uint8_t>().deallocate(memory, bytes);
  }
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
  alignments_of_pages();
  large_blocks_go_back();

  joining();
  bitmaps();
  return check::finish("memory");
}
