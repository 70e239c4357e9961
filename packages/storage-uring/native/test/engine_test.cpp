// The engine on a fake kernel, against a naive model: every request ends exactly once, with the
// right answer or the right failure, whatever the kernel does.
//
//   engine_test [first seed] [seeds] [real]
//
// With `real` the same runs go through this machine's kernel, which brings no trouble of its own.
#include <annulus/distance.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "../engine.h"
#include "../probe.h"
#include "fake_kernel.h"
#include "fake_maps.h"
#include "parts_test.h"
#include "stored_model.h"

using namespace annulus;
using namespace annulus::uring;

namespace {

struct Totals {
  uint64_t requests = 0, ok = 0, io = 0, corrupt = 0, aborted = 0, closed = 0, range = 0;
  uint64_t completed = 0, interrupted = 0, refused = 0, partial = 0, again = 0, shortened = 0;
  uint64_t overflowed = 0, failed = 0, joined = 0, merged = 0, broken = 0, rewritten = 0;
  uint64_t resident = 0, hot = 0, ahead = 0;

  void add(const FakeKernel &kernel) {
    completed += kernel.completed;
    interrupted += kernel.interrupted;
    refused += kernel.refused;
    partial += kernel.partial;
    again += kernel.again;
    shortened += kernel.shortened;
    overflowed += kernel.overflowed;
    failed += kernel.failed;
  }
};

struct Call {
  Request request;
  std::vector<uint32_t> slots;
  std::vector<float> query, out;
  int32_t abort = 0;
  bool may_abort = false;
  bool foreign = false;             ///< as another addon asks, through the reader table
  annulus_score_request scoring{};  ///< then
  std::atomic<int> done{0};
  Engine *engine = nullptr;  ///< where `follow`, if there is one, goes once this is done
  Call *follow = nullptr;
};

void submit(Engine &engine, Call &call);

void make_call(Call &call, const Model &model, std::mt19937_64 &random) {
  const auto below = [&](uint64_t n) { return static_cast<uint32_t>(random() % n); };
  call.slots.resize(below(10) == 0 ? below(3000) : below(40));
  const bool outside = below(20) == 0;
  for (uint32_t &slot : call.slots) slot = below(model.slots + (outside ? 2 : 0));
  // The last slot is the one that is rewritten.
  if (!call.slots.empty() && below(3) == 0) call.slots[0] = model.slots - 1;
  if (below(2) == 0) {
    std::normal_distribution<float> normal;
    call.query.resize(model.layout.dimension);
    for (float &value : call.query) value = normal(random);
    call.request.query = call.query.data();
    call.request.metric = below(4);
    call.foreign = below(2) == 0;
  }
  call.out.assign(call.slots.size() * (call.query.empty() ? model.layout.dimension : 1), NAN);
  call.may_abort = below(4) == 0;
  call.abort = call.may_abort && below(2) == 0 ? 1 : 0;
  call.request.slots = call.slots.data();
  call.request.n = call.slots.size();
  call.request.out = call.out.data();
  call.request.abort = &call.abort;
  call.request.ctx = &call;
  call.request.done = [](Request *request) {
    auto *call = static_cast<Call *>(request->ctx);
    Call *follow = call->follow;
    Engine *engine = call->engine;
    call->done.fetch_add(1, std::memory_order_release);
    if (follow != nullptr) submit(*engine, *follow);
  };
}

void submit(Engine &engine, Call &call) {
  if (!call.foreign) return engine.submit(&call.request);
  const Request &request = call.request;
  call.scoring = {
      request.query, request.metric, request.slots, request.n, request.out, request.abort, 0, 0, 0,
      nullptr,       &call};
  call.scoring.done = [](annulus_score_request *scoring) {
    auto *call = static_cast<Call *>(scoring->ctx);
    call->request.status = scoring->status;
    call->request.detail = scoring->detail;
    call->request.slot = scoring->slot;
    call->request.done(&call->request);
  };
  const annulus_reader &reader = engine.reader();
  reader.score(reader.self, &call.scoring);
}

bool same(const Call &call, size_t i, const float *vector, uint32_t dimension) {
  if (call.query.empty()) {
    return std::memcmp(&call.out[i * dimension], vector, dimension * sizeof(float)) == 0;
  }
  const ExactQuery exact(call.request.metric, call.query.data(), dimension);
  const float expected = exact.distance(vector);
  return std::memcmp(&call.out[i], &expected, sizeof(float)) == 0;
}

void check_answers(const Call &call, const Model &model, bool either) {
  const uint32_t dimension = model.layout.dimension;
  for (size_t i = 0; i < call.slots.size(); ++i) {
    const uint32_t slot = call.slots[i];
    if (same(call, i, model.vector(slot), dimension)) continue;
    if (either && same(call, i, &model.others[slot * dimension], dimension)) continue;
    broken_rule("an answer is not that of the model, bit for bit");
  }
}

struct Rules {
  bool may_close;
  bool either;  ///< the old and the new vector of the rewritten slot are both right
  uint32_t alignment;
};

void check(const Call &call, const Model &model, const Rules &rules, Totals &totals) {
  if (call.done.load(std::memory_order_acquire) != 1)
    broken_rule("done was not called exactly once");
  const std::set<uint32_t> asked(call.slots.begin(), call.slots.end());
  bool outside = false, touches_bad = false, touches_corrupt = false, next_to_bad = false;
  for (const uint32_t slot : asked) {
    outside = outside || slot >= model.slots;
    if (slot >= model.slots) continue;
    touches_bad = touches_bad || model.bad.count(slot) > 0;
    next_to_bad = next_to_bad || model.near_bad(slot, rules.alignment);
    touches_corrupt = touches_corrupt || model.corrupt.count(slot) > 0;
  }
  const auto slot = static_cast<uint32_t>(call.request.slot);
  ++totals.requests;
  switch (call.request.status) {
    case ANNULUS_OK:
      if (outside || touches_bad || touches_corrupt)
        broken_rule("damage was returned as an answer");
      check_answers(call, model, rules.either);
      ++totals.ok;
      return;
    case ANNULUS_OUT_OF_RANGE:
      if (!outside || slot < model.slots) broken_rule("a good slot was called out of range");
      ++totals.range;
      return;
    case ANNULUS_IO:
      if (asked.count(slot) == 0 || call.request.detail != EIO ||
          !model.near_bad(slot, rules.alignment)) {
        broken_rule("EIO for a slot that is not bad");
      }
      ++totals.io;
      return;
    case ANNULUS_CORRUPT:
      if (asked.count(slot) == 0 || model.corrupt.count(slot) == 0) {
        broken_rule("a good vector was called damaged");
      }
      ++totals.corrupt;
      return;
    case ANNULUS_ABORTED:
      if (!call.may_abort) broken_rule("aborted, and nobody asked for it");
      ++totals.aborted;
      return;
    case ANNULUS_CLOSED:
      if (!rules.may_close) broken_rule("closed, and nobody closed it");
      ++totals.closed;
      return;
    default:
      broken_rule("an unknown status");
  }
}

FakeFaults faults_of(std::mt19937_64 &random) {
  const auto maybe = [&](double p) { return random() % 2 == 0 ? 0 : p; };
  FakeFaults faults;
  faults.enter_interrupted = maybe(0.2);
  faults.enter_refused = maybe(0.2);
  faults.partial_submit = maybe(0.5);
  faults.early_return = maybe(0.2);
  faults.read_again = maybe(0.2);
  faults.read_short = maybe(0.5);
  faults.cq_entries = random() % 3 == 0 ? 1u << random() % 3 : 0;
  faults.refuse_buffers = random() % 2 == 0;
  faults.refuse_files = random() % 2 == 0;
  faults.refuse_flags = random() % 2 == 0;
  faults.break_after = random() % 16 == 0 ? 3 + random() % 50 : 0;
  return faults;
}

EngineOptions options_of(const Model &model, std::mt19937_64 &random) {
  EngineOptions options;
  options.layout = model.layout;
  options.direct = random() % 2 == 0   ? Direct::never
                   : random() % 3 == 0 ? Direct::always
                                       : Direct::automatic;
  options.fit = random() % 2 == 0;
  options.cache_bytes = random() % 2 == 0 ? 0 : 1 << 18;
  options.queue_depth = 1 + random() % 16;
  options.fallback_threads = 2;
  options.join_reads = random() % 4 != 0;
  options.merge_gap = random() % 2 == 0 ? 0 : 4096;
  return options;
}

std::vector<Call> make_calls(const Model &model, std::mt19937_64 &random, size_t n) {
  std::vector<Call> calls(n);
  for (Call &call : calls) make_call(call, model, random);
  return calls;
}

void add_segments(Engine &engine, const Model &model) {
  for (size_t number = 0; number < model.paths.size(); ++number) {
    const auto at = static_cast<uint32_t>(number);
    if (engine.segments().add(at, model.paths[number], model.checksums[number].data()) != 0) {
      broken_rule("a segment could not be added");
    }
  }
  engine.set_slots(model.slots);
}

// Calls of which each is submitted on the ring thread when the one before it is done. The first is
// aborted, so that it ends while the thread has nothing else to do and is about to sleep.
std::vector<Call> make_chain(Engine &engine, const Model &model, std::mt19937_64 &random) {
  std::vector<Call> chain = make_calls(model, random, 4);
  for (size_t i = 0; i < chain.size(); ++i) {
    chain[i].engine = &engine;
    chain[i].follow = i + 1 < chain.size() ? &chain[i + 1] : nullptr;
  }
  chain[0].may_abort = true;
  chain[0].abort = 1;
  return chain;
}

void wait_for(const std::vector<Call> &calls) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  for (const Call &call : calls) {
    while (call.done.load(std::memory_order_acquire) == 0) {
      if (std::chrono::steady_clock::now() > deadline) broken_rule("a call was never done");
      std::this_thread::yield();
    }
  }
}

void run(uint64_t seed, const std::string &directory, bool real, Totals &totals) {
  std::mt19937_64 random(seed);
  Model model(random, directory);
  const FakeFaults faults = faults_of(random);
  auto owned = std::make_unique<FakeKernel>(seed, faults);
  FakeKernel &kernel = *owned;
  // After a breakdown reads go through the real files, where nothing is bad.
  if (faults.break_after != 0 || real) model.bad.clear();
  for (const uint32_t slot : model.bad) {
    kernel.damage(model.inode(slot), model.offset(slot),
                  model.offset(slot) + model.layout.vector_bytes);
  }
  std::unique_ptr<MapOps> maps = std::make_unique<FakeMaps>(model, seed);
  Engine *engine =
      Engine::create(options_of(model, random), real ? kernel_ring_ops() : std::move(owned),
                     random() % 4 != 0 ? std::move(maps) : nullptr);
  const StartResult started = engine->start();
  if (!started.ring && faults.break_after == 0) broken_rule("a working kernel was refused");
  add_segments(*engine, model);

  const bool may_close = random() % 4 == 0;
  const bool rewrites = random() % 3 == 0;
  std::vector<Call> calls = make_calls(model, random, 20 + random() % 60);
  const size_t half = calls.size() / 2;
  const auto produce = [&](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) submit(*engine, calls[i]);
  };
  std::thread other(produce, half, calls.size());
  produce(0, half);
  const auto all_done = [&calls] {
    return std::all_of(calls.begin(), calls.end(), [](const Call &call) { return call.done != 0; });
  };
  for (int i = 0; rewrites && i < 500 && !all_done(); ++i) model.rewrite(*engine);
  std::vector<Call> later = make_calls(model, random, 10);
  for (Call &call : later) submit(*engine, call);
  for (Call &call : calls) {
    if (call.may_abort) __atomic_store_n(&call.abort, 1, __ATOMIC_RELAXED);
  }
  if (may_close) {
    if (random() % 2 == 0) engine->stop();
    engine->close();
  }
  other.join();
  for (const auto *all : {&calls, &later}) wait_for(*all);
  std::vector<Call> chain = make_chain(*engine, model, random);
  submit(*engine, chain[0]);
  wait_for(chain);
  engine->close();
  const Counters &counters = engine->counters();
  totals.rewritten += counters.reread.load();
  totals.resident += engine->cache().cache_hits();
  totals.hot += engine->cache().hot_hits();
  totals.ahead += engine->fill().bytes();
  totals.joined += counters.joined.load();
  totals.merged += counters.vectors.load() > counters.reads.load() ? 1 : 0;
  totals.broken += engine->broken() != 0 ? 1 : 0;
  if (counters.in_flight.load() != 0) broken_rule("something is in flight after close");
  if (!real) totals.add(kernel);
  const uint32_t alignment = engine->segments().alignment();
  for (Call &call : calls) check(call, model, {may_close, rewrites, alignment}, totals);
  for (Call &call : chain) check(call, model, {may_close, false, alignment}, totals);
  for (Call &call : later) check(call, model, {may_close, false, alignment}, totals);
  engine->release();
}

// What never happened was not tested.
bool report(const Totals &totals, bool real) {
  const struct {
    const char *name;
    uint64_t n;
    bool fake_only;
  } lines[] = {
      {"requests", totals.requests, false},
      {"answered", totals.ok, false},
      {"EIO", totals.io, true},
      {"damaged", totals.corrupt, false},
      {"aborted", totals.aborted, false},
      {"closed", totals.closed, false},
      {"outside", totals.range, false},
      {"joined", totals.joined, false},
      {"merged", totals.merged, false},
      {"resident", totals.resident, false},
      {"hot", totals.hot, false},
      {"read ahead", totals.ahead, false},
      {"read again", totals.rewritten, true},
      {"completions", totals.completed, true},
      {"interrupted", totals.interrupted, true},
      {"refused", totals.refused, true},
      {"half taken", totals.partial, true},
      {"again", totals.again, true},
      {"short", totals.shortened, true},
      {"overflowed", totals.overflowed, true},
      {"failed reads", totals.failed, true},
      {"broken rings", totals.broken, true},
  };
  bool all = true;
  for (const auto &line : lines) {
    if (line.fake_only && real) continue;
    std::printf("%-13s %llu\n", line.name, static_cast<unsigned long long>(line.n));
    all = all && line.n > 0;
  }
  return all;
}

uint64_t current_seed = 0;
void tell_seed(int) {
  char text[64];
  const int n = std::snprintf(text, sizeof(text), "at seed %llu\n",
                              static_cast<unsigned long long>(current_seed));
  [[maybe_unused]] const ssize_t written = ::write(2, text, static_cast<size_t>(n));
}

}  // namespace

int main(int count, char **arguments) {
  const uint64_t first = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 1;
  const uint64_t seeds = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 200;
  const bool real = count > 3 && std::string(arguments[3]) == "real";
  if (real && !probe(*kernel_ring_ops()).supported) {
    std::printf("skipped: this machine allows no ring\n");
    return 0;
  }
  const char *temporary = std::getenv("TMPDIR");
  std::string directory = std::string(temporary == nullptr ? "/tmp" : temporary) + "/uring-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return 1;
  std::signal(SIGABRT, &tell_seed);
  Totals totals;
  test_cache_fill();
  test_short_slices();
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    current_seed = seed;
    test_memory(seed);
    run(seed, directory, real, totals);
  }
  ::rmdir(directory.c_str());
  const bool all = report(totals, real);
  std::printf(all || seeds < 100 ? "passed\n" : "failed: something never happened\n");
  return all || seeds < 100 ? 0 : 1;
}
