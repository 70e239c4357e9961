// What is kept in memory and why.
#include "parts_test.h"

#include <atomic>
#include <map>
#include <random>
#include <vector>

#include "../cache_fill.h"
#include "../hot_vectors.h"
#include "fake_kernel.h"

namespace annulus::uring {

namespace {
constexpr uint32_t kDimension = 3;
constexpr uint32_t kSlots = 200;

void expect(bool condition, const char *rule) {
  if (!condition) broken_rule(rule);
}
// Five slots that ascend from `slot` on.
std::vector<uint32_t> scattered(std::mt19937_64 &random, uint32_t slot) {
  std::vector<uint32_t> slots = {slot};
  while (slots.size() < 5) slots.push_back(slots.back() + 1 + static_cast<uint32_t>(random() % 9));
  return slots;
}

// A slot that a write since then named may have changed; of the others at most a few.
void test_rewrites(uint64_t seed) {
  std::mt19937_64 random(seed);
  Rewrites rewrites;
  uint64_t covered = 0, asked = 0;
  for (int step = 0; step < 20; ++step) {
    const uint64_t before = rewrites.count();
    std::vector<bool> named(600'000);
    const uint64_t writes = random() % 4;
    for (uint64_t write = 0; write < writes; ++write) {
      std::vector<uint32_t> slots;
      for (uint32_t slot = 0; slots.size() < 300 && slot < named.size();) {
        slot += 1 + static_cast<uint32_t>(random() % 2000);
        if (slot < named.size()) slots.push_back(slot);
      }
      rewrites.begin(slots.data(), slots.size());
      for (const uint32_t slot : slots) {
        named[slot] = true;
        if (!rewrites.may_cover(before, slot)) broken_rule("a rewrite under way was not seen");
      }
      rewrites.end();
    }
    for (int i = 0; i < 1000; ++i) {
      const auto slot = static_cast<uint32_t>(random() % named.size());
      const bool may = rewrites.may_cover(before, slot);
      if (named[slot]) expect(may, "a rewrite that has ended was not seen");
      if (writes == 0) expect(!may, "a slot was rewritten by nobody");
      covered += may && !named[slot];
      ++asked;
    }
  }
  expect(covered * 20 < asked, "slots that were left alone are taken for rewritten ones");
  // What nobody remembers may have been anything.
  const uint32_t one = 1;
  const uint64_t before = rewrites.count();
  for (int write = 0; write < 10; ++write) {
    rewrites.begin(&one, 1);
    rewrites.end();
  }
  expect(rewrites.may_cover(before, 2), "a forgotten write is taken for none");
}

// Whatever is found is the newest vector that was kept, and nothing that was rewritten since.
void test_hot_vectors(uint64_t seed) {
  std::mt19937_64 random(seed);
  Rewrites rewrites;
  HotVectors hot(64 * kDimension * sizeof(float), kDimension, rewrites);
  expect(hot.capacity() == 64, "the bytes allowed are not the bytes used");
  std::map<uint32_t, float> model;
  uint64_t found = 0;
  for (int step = 0; step < 4000; ++step) {
    const auto slot = static_cast<uint32_t>(random() % kSlots);
    const auto value = static_cast<float>(random() % 1000);
    const std::vector<float> vector(kDimension, value);
    switch (random() % 8) {
      case 0: {
        const uint64_t before = rewrites.count();
        const std::vector<uint32_t> slots = scattered(random, slot);
        rewrites.begin(slots.data(), slots.size());
        hot.drop(slots.data(), slots.size());
        hot.keep(slots[1], vector.data(), before);            // read before, arrived during
        hot.keep(slots[2], vector.data(), rewrites.count());  // read and arrived during
        rewrites.end();
        hot.keep(slots[3], vector.data(), before);  // arrived after
        for (const uint32_t other : slots) model.erase(other);
        break;
      }
      case 1:
      case 2:
      case 3:
        hot.keep(slot, vector.data(), rewrites.count());
        model[slot] = value;
        break;
      default:
        if (hot.find(slot, [&](const float *kept) {
              const auto entry = model.find(slot);
              expect(entry != model.end(), "a vector outlived its rewriting");
              for (uint32_t i = 0; i < kDimension; ++i) {
                expect(kept[i] == entry->second, "a hot vector is not the one that was kept");
              }
            })) {
          ++found;
        }
    }
  }
  expect(found > 100, "next to nothing stays hot");
  // One that is asked for stays, however many others pass by once.
  const float one[kDimension] = {1, 2, 3};
  hot.keep(0, one, rewrites.count());
  for (uint32_t slot = 1; slot < 1000; ++slot) {
    expect(hot.find(0, [](const float *) {}), "a vector that is wanted gave way");
    hot.keep(slot, one, rewrites.count());
  }
}

}  // namespace

void test_memory(uint64_t seed) {
  test_rewrites(seed);
  test_hot_vectors(seed);
}

void test_cache_fill() {
  constexpr uint64_t kStored = 100'000;
  constexpr uint64_t kBytes = 400;
  std::atomic<uint64_t> in_flight{0};
  const auto observe = [](CacheFill &fill, uint64_t windows, uint64_t percent) {
    for (uint64_t i = 0; i < windows * 1000; ++i) fill.note(percent, 100, kStored);
  };
  CacheFill filled(true, false, kBytes, in_flight);
  observe(filled, 6, 0);
  expect(filled.on(), "the cache was given up before it could fill");
  observe(filled, 1, 49);
  expect(!filled.on(), "a cache that does not hold the vectors was filled on");
  observe(filled, 5, 80);
  expect(!filled.on(), "the cache was filled for a part of the vectors");
  expect(!filled.take(), "something was read ahead for a cache that is not to be filled");
  observe(filled, 1, 90);
  expect(filled.on(), "the last vectors were kept out of the cache");
  observe(filled, 9, 51);
  expect(filled.on(), "a cache that holds most vectors was given up");
  filled.expect(false);
  expect(!filled.on(), "growth was not heard of");
  for (const bool on : {false, true}) {
    CacheFill fixed(on, true, kBytes, in_flight);
    observe(fixed, 9, on ? 0 : 100);
    fixed.expect(!on);
    expect(fixed.on() == on, "what the user chose was changed");
  }
  // No more is read ahead than searches wanted, nothing after a rest or once nothing is missing.
  CacheFill paced(true, false, kBytes, in_flight);
  uint64_t wanted = 0;
  for (int i = 0; i < 5000; ++i) {
    paced.note(60, 100, kStored);
    wanted += 100 * kBytes;
    while (paced.take()) continue;
    expect(paced.bytes() <= wanted, "more was read ahead than searches asked for");
  }
  expect(paced.bytes() > wanted / 2, "hardly anything is read ahead");
  in_flight = 100;
  const uint64_t idle = paced.bytes();
  for (int i = 0; i < 5000; ++i) {
    paced.note(60, 100, kStored);
    while (paced.take()) continue;
  }
  expect(paced.bytes() - idle <= wanted / 4 + CacheFill::kChunkBytes, "a busy disk was not spared");
  expect(paced.bytes() - idle > wanted / 8, "hardly anything is read ahead of a busy disk");
  const uint64_t before = paced.bytes();
  for (int i = 0; i < 5000; ++i) paced.note(60, 100, kStored);
  while (paced.take()) continue;
  expect(paced.bytes() - before <= 5 * CacheFill::kChunkBytes, "a rest was saved up for a burst");
  for (int i = 0; i < 5000; ++i) paced.note(100, 100, kStored);
  expect(!paced.take(), "what is not missing was read ahead");
}

}  // namespace annulus::uring
