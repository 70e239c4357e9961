// What the reader answers: the right bytes, or the first failure in the request's order.
#include "reader_fixture.h"
#include "tests.h"

namespace annulus_test {

namespace {

MmapReaderOptions random_options(std::mt19937 &random) {
  MmapReaderOptions options;
  options.threads = 1 + random() % 6;
  options.prefetch = random() % 2 == 0;
  if (random() % 2 == 0) options.event_loop = another_thread();
  return options;
}

MapLayout random_layout(std::mt19937 &random) {
  // Rarely so wide that a part holds four vectors only.
  const uint32_t dimension = random() % 8 == 0 ? 50000 : 1 + random() % 300;
  const uint32_t per_segment = dimension > 300 ? 5 : 1 + random() % 40;
  return layout_of(dimension, per_segment, random() % 2 == 0 ? 0 : 4 * (random() % 8));
}

void make_cold(Fixture &fixture, std::mt19937 &random) {
  const uint32_t odds = 1 + random() % 4;
  for (uint32_t slot = 0; slot < fixture.files.slots(); ++slot) {
    if (random() % odds == 0) fixture.control.missing.insert(fixture.files.at(slot));
  }
}

void answers_equal_the_files() {
  for (uint32_t seed = 1; seed <= runs(150); ++seed) {
    std::mt19937 random(seed);
    const MapLayout layout = random_layout(random);
    Fixture fixture(layout, 1 + random() % 6, random_options(random), seed);
    if (random() % 2 == 0) make_cold(fixture, random);
    std::vector<std::unique_ptr<Request>> requests;
    uint64_t vectors = 0;
    for (int i = 0; i < 6; ++i) {
      const size_t n = random() % (layout.dimension > 300 ? 20 : 300);
      const Work work = random() % 2 == 0 ? Work::score : Work::copy;
      requests.push_back(std::make_unique<Request>(
          layout, random_slots(random, n, fixture.files.slots()), work, seed + i));
      requests.back()->submit(fixture.reader);
      vectors += n;
    }
    for (auto &request : requests) {
      request->wait();
      CHECK_SEED(request->raw.status == ANNULUS_OK && request->done() == 1, seed);
      CHECK_SEED(request->right(fixture.files), seed);
    }
    fixture.reader->join();
    const auto stats = fixture.reader->stats();
    CHECK_SEED(stats.vectors == vectors && stats.reads == vectors && stats.in_flight == 0, seed);
    CHECK_SEED(stats.resident_hits <= vectors && stats.errors == 0, seed);
  }
}

struct Expected {
  int32_t status = ANNULUS_OK;
  uint64_t slot = 0;
};

// Damages some slots in every way there is and says what a request must then answer.
Expected damage(Fixture &fixture, const std::vector<uint32_t> &slots, std::mt19937 &random) {
  std::set<uint32_t> corrupt;
  for (int i = 0; i < 2; ++i) {
    const uint32_t victim = random() % fixture.files.slots();
    if (random() % 2 == 0) {
      fixture.control.failing.insert(fixture.files.at(victim));
    } else if (corrupt.insert(victim).second) {
      fixture.files.at(victim)[random() % fixture.files.layout.vector_bytes()] ^=
          static_cast<uint8_t>(1u << random() % 8);
    }
  }
  for (const uint32_t slot : slots) {
    if (slot >= fixture.files.slots()) return {ANNULUS_OUT_OF_RANGE, slot};
    if (fixture.control.failing.count(fixture.files.at(slot)) > 0) return {ANNULUS_IO, slot};
    if (corrupt.count(slot) > 0) return {ANNULUS_CORRUPT, slot};
  }
  return {};
}

void first_failure_is_reported() {
  int seen[8] = {};
  for (uint32_t seed = 1; seed <= runs(300); ++seed) {
    std::mt19937 random(seed);
    const MapLayout layout = random_layout(random);
    Fixture fixture(layout, 1 + random() % 4, random_options(random), seed);
    if (random() % 2 == 0) make_cold(fixture, random);
    auto slots = random_slots(random, 1 + random() % 200, fixture.files.slots());
    if (random() % 4 == 0) slots[random() % slots.size()] = fixture.files.slots() + random() % 9;
    const Expected expected = damage(fixture, slots, random);
    Request request(layout, slots, random() % 2 == 0 ? Work::score : Work::copy, seed);
    request.submit(fixture.reader);
    request.wait();
    CHECK_SEED(request.raw.status == expected.status, seed);
    CHECK_SEED(request.raw.slot == expected.slot, seed);
    CHECK_SEED(request.raw.detail == (expected.status == ANNULUS_IO ? EIO : 0), seed);
    if (expected.status == ANNULUS_OK) CHECK_SEED(request.right(fixture.files), seed);
    fixture.reader->join();
    const bool damaged = expected.status == ANNULUS_IO || expected.status == ANNULUS_CORRUPT;
    CHECK_SEED(fixture.reader->stats().errors == (damaged ? 1 : 0), seed);
    ++seen[expected.status];
  }
  // Each outcome must have been met, or this proves nothing.
  for (const int status : {ANNULUS_OK, ANNULUS_IO, ANNULUS_CORRUPT, ANNULUS_OUT_OF_RANGE}) {
    CHECK(seen[status] > 10);
  }
}

void the_earliest_of_several_failures_counts() {
  const std::vector<std::vector<size_t>> orders = {{3, 7, 9}, {9, 7, 3}, {7, 3, 9}};
  for (const auto &order : orders) {
    Request request(layout_of(4, 10), std::vector<uint32_t>(10, 1), Work::score);
    annulus::Batch batch(&request.raw, Work::score);
    for (const size_t index : order) batch.fail(index, ANNULUS_CORRUPT, 0, index * 100);
    CHECK(batch.failed_before(4) && !batch.failed_before(3));
    CHECK(!batch.account(4) && batch.account(6));
    batch.settle();
    CHECK(request.done() == 1 && request.raw.slot == 300);
  }
}

void a_vector_in_the_wrong_slot_is_corrupt() {
  Fixture fixture(layout_of(16, 10), 1);
  std::memcpy(fixture.files.at(3), fixture.files.at(4), fixture.files.layout.vector_bytes());
  Request request(fixture.files.layout, {4, 3, 5, 6}, Work::score);
  request.submit(fixture.reader);
  request.wait();
  CHECK(request.raw.status == ANNULUS_CORRUPT && request.raw.slot == 3);
  CHECK(fixture.control.visits == 2);
}

void missing_vectors_are_asked_for_together() {
  MmapReaderOptions options;
  options.threads = 1;
  Fixture fixture(layout_of(8, 400), 1, options);
  for (uint32_t slot = 0; slot < 400; slot += 2) {
    fixture.control.missing.insert(fixture.files.at(slot));
  }
  std::vector<uint32_t> slots(400);
  for (uint32_t slot = 0; slot < 400; ++slot) slots[slot] = slot;
  Request first(fixture.files.layout, slots, Work::score);
  first.submit(fixture.reader);
  first.wait();
  CHECK(first.raw.status == ANNULUS_OK && first.right(fixture.files));
  // The first group of vectors waits for its faults, and everything missing behind it is asked for.
  CHECK(fixture.control.prefetched.size() >= 198);
  for (const uint8_t *bytes : fixture.control.prefetched) {
    CHECK((bytes - fixture.files.at(0)) / fixture.files.layout.stride % 2 == 0);
  }
  const auto stats = fixture.reader->stats();
  CHECK(stats.resident_hits >= 200 && stats.resident_hits <= 202);
}

void the_first_read_waits_for_all_that_were_asked_for() {
  MmapReaderOptions options;
  options.threads = 1;
  Fixture fixture(layout_of(8, 400), 1, options);
  for (uint32_t slot = 0; slot < 400; ++slot) {
    fixture.control.missing.insert(fixture.files.at(slot));
  }
  std::vector<uint32_t> slots(200);
  for (uint32_t slot = 0; slot < 200; ++slot) slots[slot] = slot;
  Request chilling(fixture.files.layout, {399}, Work::score);
  chilling.submit(fixture.reader);
  chilling.wait();
  fixture.control.close_gate();
  Request cold(fixture.files.layout, slots, Work::score);
  cold.submit(fixture.reader);
  fixture.control.wait_inside(1);
  {
    std::lock_guard<std::mutex> lock(fixture.control.mutex);
    CHECK(fixture.control.prefetched.size() == 128);
  }
  fixture.control.open_gate();
  cold.wait();
  CHECK(cold.right(fixture.files));
}

void without_prefetch_nothing_is_asked_for() {
  MmapReaderOptions options;
  options.prefetch = false;
  Fixture fixture(layout_of(8, 64), 1, options);
  for (uint32_t slot = 0; slot < 64; ++slot) fixture.control.missing.insert(fixture.files.at(slot));
  for (uint32_t half = 0; half < 2; ++half) {
    std::vector<uint32_t> slots(32);
    for (uint32_t i = 0; i < 32; ++i) slots[i] = half * 32 + i;
    Request request(fixture.files.layout, slots, Work::copy);
    request.submit(fixture.reader);
    request.wait();
    CHECK(request.raw.status == ANNULUS_OK && request.right(fixture.files));
  }
  CHECK(fixture.control.prefetched.empty() && fixture.control.missing.empty());
  // Only within the first group of four is it unknown which of them waited.
  fixture.reader->join();
  CHECK(fixture.reader->stats().resident_hits <= 3);
}

}  // namespace

std::vector<Test> reader_tests() {
  return {{"answers equal the files", answers_equal_the_files},
          {"the first failure is reported", first_failure_is_reported},
          {"the earliest of several failures counts", the_earliest_of_several_failures_counts},
          {"a vector in the wrong slot is corrupt", a_vector_in_the_wrong_slot_is_corrupt},
          {"missing vectors are asked for together", missing_vectors_are_asked_for_together},
          {"the first read waits for all that were asked for",
           the_first_read_waits_for_all_that_were_asked_for},
          {"without prefetch nothing is asked for", without_prefetch_nothing_is_asked_for}};
}

}  // namespace annulus_test
