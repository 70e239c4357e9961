// Threads, aborts, closing and growth: what must hold whatever the timing.
#include "reader_fixture.h"
#include "tests.h"

namespace annulus_test {

namespace {

struct Closed {
  std::atomic<int> reports{0};
  static void report(void *self) { ++static_cast<Closed *>(self)->reports; }
};

void as_many_threads_as_allowed() {
  MmapReaderOptions options;
  options.threads = 3;
  Fixture fixture(layout_of(4, 10), 1, options);
  fixture.control.close_gate();
  std::vector<std::unique_ptr<Request>> requests;
  for (int i = 0; i < 8; ++i) {
    requests.push_back(
        std::make_unique<Request>(fixture.files.layout, std::vector<uint32_t>{1, 2}, Work::score));
    requests.back()->submit(fixture.reader);
  }
  fixture.control.wait_inside(3);
  CHECK(fixture.reader->stats().in_flight == 16);
  fixture.control.open_gate();
  for (auto &request : requests) request->wait();
  fixture.reader->join();
  CHECK(fixture.control.inside_max == 3);
}

void closing_waits_for_reads() {
  Fixture fixture(layout_of(4, 10), 2);
  fixture.control.close_gate();
  Request request(fixture.files.layout, {1, 2, 3}, Work::copy);
  request.submit(fixture.reader);
  fixture.control.wait_inside(1);
  Closed closed;
  fixture.reader->close(&Closed::report, &closed);
  CHECK(closed.reports == 0 && request.done() == 0);
  Request late(fixture.files.layout, {1}, Work::score);
  late.submit(fixture.reader);
  CHECK(late.done() == 1 && late.raw.status == ANNULUS_CLOSED);
  fixture.control.open_gate();
  fixture.reader->join();
  CHECK(request.done() == 1 && request.raw.status == ANNULUS_OK && request.right(fixture.files));
  CHECK(closed.reports == 1 && fixture.control.unmapped == 2);
}

void closing_an_idle_reader_unmaps_elsewhere() {
  Fixture fixture(layout_of(4, 10), 2);
  static std::thread::id reporter;
  fixture.reader->close([](void *) { reporter = std::this_thread::get_id(); }, nullptr);
  fixture.reader->join();
  CHECK(reporter != std::thread::id() && reporter != std::this_thread::get_id());
  CHECK(fixture.control.unmapped == 2);
}

// A caller that ends the last batch also reports, and whoever joins waits for that.
void joining_waits_for_the_report() {
  MmapReaderOptions options;
  options.event_loop = another_thread();
  Fixture fixture(layout_of(4, 10), 1, options);
  fixture.control.close_gate();
  Request request(fixture.files.layout, {1, 2}, Work::score);
  std::thread caller([&] { request.submit(fixture.reader); });
  fixture.control.wait_inside(1);
  static std::atomic<bool> entered;
  static std::atomic<bool> released;
  entered = released = false;
  const auto report = [](void *) {
    entered = true;
    while (!released) std::this_thread::yield();
  };
  fixture.reader->close(report, nullptr);
  fixture.control.open_gate();
  while (!entered) std::this_thread::yield();
  std::atomic<bool> joining{false};
  std::atomic<bool> joined{false};
  std::thread joiner([&] {
    joining = true;
    fixture.reader->join();
    joined = true;
  });
  while (!joining) std::this_thread::yield();
  for (int i = 0; i < 10000; ++i) std::this_thread::yield();
  CHECK(!joined && request.done() == 1);
  released = true;
  joiner.join();
  caller.join();
}

void stopping_ends_reads_early() {
  MmapReaderOptions options;
  options.threads = 1;
  Fixture fixture(layout_of(4, 1000), 1, options);
  fixture.control.close_gate();
  std::mt19937 random(1);
  Request running(fixture.files.layout, random_slots(random, 1000, 1000), Work::score);
  Request queued(fixture.files.layout, {1}, Work::score);
  running.submit(fixture.reader);
  queued.submit(fixture.reader);
  fixture.control.wait_inside(1);
  fixture.reader->stop();
  fixture.control.open_gate();
  fixture.reader->join();
  CHECK(running.done() == 1 && running.raw.status == ANNULUS_CLOSED);
  CHECK(queued.done() == 1 && queued.raw.status == ANNULUS_CLOSED);
  CHECK(fixture.control.visits == 1);
}

void aborting_ends_a_request_early_and_no_other() {
  MmapReaderOptions options;
  options.threads = 1;
  Fixture fixture(layout_of(4, 1000), 1, options);
  fixture.control.close_gate();
  std::mt19937 random(1);
  Request running(fixture.files.layout, random_slots(random, 1000, 1000), Work::score);
  Request queued(fixture.files.layout, {1}, Work::score);
  Request other(fixture.files.layout, {2, 3}, Work::score);
  for (Request *request : {&running, &queued, &other}) request->submit(fixture.reader);
  fixture.control.wait_inside(1);
  __atomic_store_n(&running.abort, 1, __ATOMIC_RELAXED);
  __atomic_store_n(&queued.abort, 1, __ATOMIC_RELAXED);
  fixture.control.open_gate();
  fixture.reader->join();
  CHECK(running.done() == 1 && running.raw.status == ANNULUS_ABORTED);
  CHECK(queued.done() == 1 && queued.raw.status == ANNULUS_ABORTED);
  CHECK(other.raw.status == ANNULUS_OK && other.right(fixture.files));
  CHECK(fixture.control.visits == 3);
}

void the_table_outlives_its_owner() {
  auto fixture = std::make_unique<Fixture>(layout_of(4, 10), 1);
  const annulus_reader table = fixture->reader->table();
  CHECK(table.head.kind == ANNULUS_KIND_READER && table.dimension == 4);
  table.retain(table.self);
  CHECK(table.slots(table.self) == 10);
  const MapLayout layout = fixture->files.layout;
  fixture.reset();
  Request request(layout, {1}, Work::score);
  table.score(table.self, &request.raw);
  CHECK(request.done() == 1 && request.raw.status == ANNULUS_CLOSED);
  table.release(table.self);
}

void warm_batches_are_served_in_place() {
  MmapReaderOptions options;
  options.event_loop = another_thread();
  Fixture fixture(layout_of(8, 1000), 1, options);
  std::mt19937 random(1);
  Request warm(fixture.files.layout, random_slots(random, 40, 1000), Work::score);
  warm.submit(fixture.reader);
  CHECK(warm.done() == 1 && warm.right(fixture.files));

  // Slow is not cold: another thread may have had the core.
  fixture.control.delay = FakeMapOps::kFaultNs;
  for (int i = 0; i < 2; ++i) {
    Request slow(fixture.files.layout, random_slots(random, 40, 1000), Work::score);
    slow.submit(fixture.reader);
    CHECK(slow.done() == 1);
  }
  fixture.control.delay = 0;

  // The first vector is missing: it is waited for here, the others on the reader's threads.
  fixture.control.missing.insert(fixture.files.at(500));
  auto slots = random_slots(random, 40, 500);
  slots[0] = 500;
  const uint64_t before = fixture.control.own_visits;
  Request mixed(fixture.files.layout, slots, Work::score);
  mixed.submit(fixture.reader);
  mixed.wait();
  CHECK(fixture.control.own_visits <= before + 4);
  CHECK(mixed.done() == 1 && mixed.right(fixture.files));

  // From now on batches go to the threads; shown by a gate that would hold up this thread.
  fixture.control.close_gate();
  Request cold(fixture.files.layout, slots, Work::score);
  cold.submit(fixture.reader);
  CHECK(cold.done() == 0);
  fixture.control.open_gate();
  cold.wait();
  CHECK(cold.right(fixture.files));

  // After many batches without a miss it is warm again.
  for (int i = 0; i < 40; ++i) {
    Request request(fixture.files.layout, slots, Work::score);
    request.submit(fixture.reader);
    request.wait();
  }
  Request again(fixture.files.layout, slots, Work::score);
  again.submit(fixture.reader);
  CHECK(again.done() == 1);
}

void the_event_loop_never_reads() {
  MmapReaderOptions options;
  options.event_loop = std::this_thread::get_id();
  Fixture fixture(layout_of(8, 10), 1, options);
  fixture.control.close_gate();
  Request request(fixture.files.layout, {1}, Work::score);
  request.submit(fixture.reader);
  CHECK(request.done() == 0);
  fixture.control.open_gate();
  request.wait();
}

void aborts_settle_everything_once() {
  for (uint32_t seed = 1; seed <= runs(40); ++seed) {
    std::mt19937 random(seed);
    MmapReaderOptions options;
    options.threads = 1 + random() % 4;
    options.prefetch = random() % 2 == 0;
    Fixture fixture(layout_of(16, 500), 2, options, seed);
    std::vector<std::unique_ptr<Request>> requests;
    for (int i = 0; i < 30; ++i) {
      requests.push_back(std::make_unique<Request>(
          fixture.files.layout, random_slots(random, random() % 400, 1000), Work::score, seed + i));
    }
    std::thread aborter([&] {
      for (size_t i = 0; i < requests.size(); i += 2) {
        __atomic_store_n(&requests[i]->abort, 1, __ATOMIC_RELAXED);
      }
    });
    for (auto &request : requests) request->submit(fixture.reader);
    if (random() % 2 == 0) fixture.reader->stop();
    for (auto &request : requests) request->wait();
    aborter.join();
    fixture.reader->join();
    for (auto &request : requests) {
      CHECK_SEED(request->done() == 1, seed);
      if (request->raw.status == ANNULUS_OK) {
        CHECK_SEED(request->right(fixture.files), seed);
      } else {
        CHECK_SEED(request->raw.status == ANNULUS_ABORTED || request->raw.status == ANNULUS_CLOSED,
                   seed);
      }
    }
    CHECK_SEED(fixture.reader->stats().in_flight == 0, seed);
  }
}

// Readers see only what was published, while segments are added: the table's whole promise.
void growth_under_readers() {
  constexpr uint32_t kSegments = 200;
  const MapLayout layout = layout_of(8, 16);
  FakeFiles files(layout, kSegments, 1);
  FakeControl control;
  MmapReaderOptions options;
  options.threads = 3;
  MmapReader *reader =
      MmapReader::create(layout, options, std::make_unique<FakeMapOps>(files, control));
  std::atomic<bool> grown{false};
  std::vector<std::thread> callers;
  for (uint32_t caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&, caller] {
      std::mt19937 random(caller);
      while (!grown) {
        const auto slots = static_cast<uint32_t>(reader->table().slots(reader));
        if (slots == 0) continue;
        Request request(layout, random_slots(random, 20, slots), Work::score, random());
        request.submit(reader);
        request.wait();
        CHECK(request.raw.status == ANNULUS_OK && request.right(files));
      }
    });
  }
  CHECK(reader->add_segment(-1, files.checksums(0)) == ANNULUS_OUT_OF_MEMORY);
  for (uint32_t segment = 0; segment < kSegments; ++segment) {
    CHECK(!reader->publish((segment + 1) * 16));
    CHECK(reader->add_segment(files.segment(segment), files.checksums(segment)) == ANNULUS_OK);
    for (uint32_t row = 1; row <= 16; ++row) CHECK(reader->publish(segment * 16 + row));
    if (segment % 8 == 0) std::this_thread::yield();
  }
  grown = true;
  for (std::thread &caller : callers) caller.join();
  reader->join();
  MmapReader::release(reader);
}

// Callers, aborts and close all at once, again and again.
void closing_in_a_storm() {
  for (uint32_t seed = 1; seed <= runs(60); ++seed) {
    std::mt19937 random(seed);
    MmapReaderOptions options;
    options.threads = 1 + random() % 4;
    if (random() % 2 == 0) options.event_loop = another_thread();
    Fixture fixture(layout_of(8, 200), 1, options, seed);
    std::vector<std::thread> callers;
    for (uint32_t caller = 0; caller < 3; ++caller) {
      callers.emplace_back([&fixture, seed, caller] {
        std::mt19937 random(seed * 10 + caller);
        for (int i = 0; i < 30; ++i) {
          Request request(fixture.files.layout, random_slots(random, random() % 90, 200),
                          Work::score, random());
          request.submit(fixture.reader);
          if (random() % 3 == 0) __atomic_store_n(&request.abort, 1, __ATOMIC_RELAXED);
          request.wait();
          if (request.raw.status == ANNULUS_OK) CHECK_SEED(request.right(fixture.files), seed);
        }
      });
    }
    const uint64_t until = random() % 2000;
    while (fixture.control.visits < until) std::this_thread::yield();
    Closed closed;
    fixture.reader->close(&Closed::report, &closed);
    for (std::thread &caller : callers) caller.join();
    fixture.reader->join();
    CHECK_SEED(closed.reports == 1, seed);
  }
}

}  // namespace

std::vector<Test> lifecycle_tests() {
  return {
      {"as many threads as allowed", as_many_threads_as_allowed},
      {"closing waits for reads", closing_waits_for_reads},
      {"closing an idle reader unmaps elsewhere", closing_an_idle_reader_unmaps_elsewhere},
      {"joining waits for the report", joining_waits_for_the_report},
      {"stopping ends reads early", stopping_ends_reads_early},
      {"aborting ends a request early and no other", aborting_ends_a_request_early_and_no_other},
      {"the table outlives its owner", the_table_outlives_its_owner},
      {"warm batches are served in place", warm_batches_are_served_in_place},
      {"the event loop never reads", the_event_loop_never_reads},
      {"aborts settle everything once", aborts_settle_everything_once},
      {"growth under readers", growth_under_readers},
      {"closing in a storm", closing_in_a_storm}};
}

}  // namespace annulus_test
