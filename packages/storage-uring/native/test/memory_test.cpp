#include "memory_test.h"

#include <map>
#include <random>
#include <vector>

#include "../direct_policy.h"
#include "../hot_vectors.h"
#include "fake_kernel.h"

namespace annulus::uring {

namespace {
constexpr uint32_t kDimension = 3;
constexpr uint32_t kSlots = 200;

void expect(bool condition, const char *rule) {
  if (!condition) broken_rule(rule);
}
}  // namespace

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
        rewrites.begin(slot, slot + 5);
        hot.drop(slot, slot + 5);
        hot.keep(slot + 1, vector.data(), before);            // read before, arrived during
        hot.keep(slot + 2, vector.data(), rewrites.count());  // read and arrived during
        rewrites.end();
        hot.keep(slot + 3, vector.data(), before);  // arrived after
        for (uint32_t i = slot; i < slot + 5; ++i) model.erase(i);
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

void test_direct_policy() {
  constexpr uint64_t kStored = 100'000;
  const auto observe = [](DirectPolicy &policy, uint64_t windows, uint64_t percent) {
    for (uint64_t i = 0; i < windows * 1000; ++i) policy.note(percent, 100, kStored);
  };
  DirectPolicy buffered(false, false);
  observe(buffered, 2, 0);
  expect(!buffered.past_cache(), "the cache was given up before it could fill");
  observe(buffered, 1, 49);
  expect(buffered.past_cache(), "a cache that does not hold the vectors was kept");
  observe(buffered, 5, 80);
  expect(buffered.past_cache(), "the cache was taken up for a part of the vectors");
  observe(buffered, 1, 90);
  expect(!buffered.past_cache(), "the last vectors were kept out of the cache");
  observe(buffered, 9, 51);
  expect(!buffered.past_cache(), "a cache that holds most vectors was given up");
  buffered.expect(true);
  expect(buffered.past_cache(), "growth was not heard of");
  for (const bool past : {false, true}) {
    DirectPolicy fixed(past, true);
    observe(fixed, 9, past ? 100 : 0);
    fixed.expect(!past);
    expect(fixed.past_cache() == past, "what the user chose was changed");
  }
}

}  // namespace annulus::uring
