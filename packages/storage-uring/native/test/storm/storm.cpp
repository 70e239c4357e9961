// The engine in trouble for long: signals, aborts and closes while reads are in flight.
//
//   storm signals SECONDS            every thread gets a signal, one every 50 µs; nothing may fail
//   storm ends COUNT [real]          until COUNT requests were ended by an abort or a close
//
// Signals and `real` go through this machine's kernel, otherwise the fake one brings its own
// trouble. Meant for sanitizers: requests are freed as soon as they are done.
#include <annulus/distance.h>
#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "../../probe.h"
#include "../stored_model.h"

using namespace annulus;
using namespace annulus::uring;

namespace {

using Clock = std::chrono::steady_clock;

struct Call {
  Call(const Model &model, std::mt19937_64 &random) : slots(1 + random() % 60) {
    for (uint32_t &slot : slots) slot = static_cast<uint32_t>(random() % model.slots);
    query.assign(model.layout.dimension, 1.0f);
    out.resize(slots.size());
    request.query = query.data();
    request.metric = static_cast<uint32_t>(random() % 4);
    request.slots = slots.data();
    request.n = slots.size();
    request.out = out.data();
    request.abort = &abort;
    request.ctx = this;
    request.done = [](Request *ended) {
      static_cast<Call *>(ended->ctx)->done.fetch_add(1, std::memory_order_release);
    };
  }

  void wait() const {
    const auto deadline = Clock::now() + std::chrono::seconds(60);
    while (done.load(std::memory_order_acquire) == 0) {
      if (Clock::now() > deadline) broken_rule("a call was never done");
      std::this_thread::yield();
    }
  }

  void check(const Model &model) const {
    if (done.load() != 1) broken_rule("done was not called exactly once");
    if (request.status != ANNULUS_OK) return;
    const ExactQuery exact(request.metric, query.data(), model.layout.dimension);
    for (size_t i = 0; i < slots.size(); ++i) {
      const float expected = exact.distance(model.vector(slots[i]));
      if (std::memcmp(&expected, &out[i], sizeof(float)) != 0) broken_rule("a wrong answer");
    }
  }

  Request request;
  std::vector<uint32_t> slots;
  std::vector<float> query, out;
  int32_t abort = 0;
  std::atomic<int> done{0};
};

/// Everything healthy, for nothing may fail here but by an abort or a close.
void heal(Model &model) {
  for (const uint32_t slot : model.corrupt) {
    model.checksum(slot) = crc32c(slot, model.vector(slot), model.layout.vector_bytes);
  }
  model.corrupt.clear();
  model.bad.clear();
}

struct Released {
  void operator()(Engine *engine) const { engine->release(); }
};
using OwnedEngine = std::unique_ptr<Engine, Released>;

OwnedEngine open_engine(Model &model, std::mt19937_64 &random, bool real) {
  EngineOptions options;
  options.layout = model.layout;
  options.direct = random() % 2 == 0 ? Direct::never : Direct::always;
  options.queue_depth = 1 + random() % 32;
  options.fallback_threads = 2;
  options.cache_bytes = random() % 2 == 0 ? 0 : 1 << 18;
  FakeFaults faults;
  faults.enter_interrupted = 0.1;
  faults.partial_submit = 0.2;
  faults.read_again = 0.1;
  faults.read_short = 0.2;
  faults.break_after = random() % 16 == 0 ? 3 + random() % 50 : 0;
  std::unique_ptr<RingOps> kernel;
  if (real)
    kernel = kernel_ring_ops();
  else
    kernel = std::make_unique<FakeKernel>(random(), faults);
  OwnedEngine engine(Engine::create(options, std::move(kernel), nullptr));
  engine->start();
  for (uint32_t i = 0; i < model.paths.size(); ++i) {
    if (engine->segments().add(i, model.paths[i], model.checksums[i].data()) != 0) {
      broken_rule("a segment could not be added");
    }
  }
  engine->set_slots(model.slots);
  return engine;
}

struct Ended {
  uint64_t answered = 0, aborted = 0, closed = 0, engines = 0;

  void add(const Call &call) {
    switch (call.request.status) {
      case ANNULUS_OK:
        ++answered;
        return;
      case ANNULUS_ABORTED:
        ++aborted;
        return;
      case ANNULUS_CLOSED:
        ++closed;
        return;
      default:
        broken_rule("a read failed");
    }
  }
};

/// One engine that is closed while its callers' reads are in flight.
void close_under_reads(Model &model, std::mt19937_64 &random, bool real, Ended &ended) {
  const OwnedEngine engine = open_engine(model, random, real);
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < 120; ++i) calls.push_back(std::make_unique<Call>(model, random));
  std::thread caller([&] {
    for (size_t i = 1; i < calls.size(); i += 2) engine->submit(&calls[i]->request);
  });
  for (size_t i = 0; i < calls.size(); i += 2) {
    engine->submit(&calls[i]->request);
    const uint64_t die = random();
    Call &other = *calls[die / 4 % calls.size()];
    if (die % 4 != 0) __atomic_store_n(&other.abort, 1, __ATOMIC_RELAXED);
  }
  if (random() % 2 == 0) engine->stop();
  if (random() % 2 == 0) caller.join();
  engine->close();
  if (caller.joinable()) caller.join();
  for (auto &call : calls) {
    call->wait();
    call->check(model);
    ended.add(*call);
    call.reset();
  }
  if (engine->counters().in_flight.load() != 0) broken_rule("reads in flight after close");
  ++ended.engines;
}

void end_requests(uint64_t count, bool real, const std::string &directory) {
  Ended ended;
  for (uint64_t seed = 1; ended.aborted + ended.closed < count; ++seed) {
    std::mt19937_64 random(seed);
    Model model(random, directory);
    heal(model);
    for (int i = 0; i < 20 && ended.aborted + ended.closed < count; ++i) {
      close_under_reads(model, random, real, ended);
    }
  }
  std::printf("%s: %llu aborted, %llu closed, %llu answered, by %llu engines\n",
              real ? "this kernel" : "fake kernel", static_cast<unsigned long long>(ended.aborted),
              static_cast<unsigned long long>(ended.closed),
              static_cast<unsigned long long>(ended.answered),
              static_cast<unsigned long long>(ended.engines));
  if (ended.aborted == 0 || ended.closed == 0) broken_rule("one of both never happened");
}

std::atomic<uint64_t> handled{0};

std::vector<pid_t> threads_of_this() {
  std::vector<pid_t> threads;
  DIR *const directory = ::opendir("/proc/self/task");
  while (const dirent *entry = ::readdir(directory)) {
    if (entry->d_name[0] != '.') threads.push_back(static_cast<pid_t>(std::atoi(entry->d_name)));
  }
  ::closedir(directory);
  return threads;
}

/// To each thread in turn; those of the engine have them blocked, and it must stay so.
uint64_t send_signals(Clock::time_point until) {
  const std::vector<pid_t> threads = threads_of_this();
  uint64_t sent = 0;
  auto next = Clock::now();
  while (next < until) {
    ::syscall(SYS_tgkill, ::getpid(), threads[sent % threads.size()], SIGUSR1);
    ++sent;
    next += std::chrono::microseconds(50);
    while (Clock::now() < next) std::this_thread::yield();
  }
  return sent;
}

void storm_of_signals(double seconds, const std::string &directory) {
  struct sigaction action = {};
  action.sa_handler = [](int) { handled.fetch_add(1, std::memory_order_relaxed); };
  ::sigaction(SIGUSR1, &action, nullptr);  // without SA_RESTART: calls are interrupted
  std::mt19937_64 random(1);
  Model model(random, directory);
  heal(model);
  const OwnedEngine ring = open_engine(model, random, true);
  std::atomic<bool> over{false};
  std::atomic<uint64_t> vectors{0}, requests{0};
  std::vector<std::thread> callers;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    callers.emplace_back([&, seed] {
      std::mt19937_64 own(seed);
      while (!over.load(std::memory_order_relaxed)) {
        Call call(model, own);
        ring->submit(&call.request);
        call.wait();
        call.check(model);
        if (call.request.status != ANNULUS_OK) broken_rule("a read failed");
        vectors += call.slots.size();
        ++requests;
      }
    });
  }
  const auto length =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  const uint64_t sent = send_signals(Clock::now() + length);
  over = true;
  for (std::thread &caller : callers) caller.join();
  if (ring->broken() != 0) broken_rule("the ring was given up");
  ring->close();
  std::printf("%llu signals sent, %llu handled; %llu requests for %llu vectors, no error\n",
              static_cast<unsigned long long>(sent),
              static_cast<unsigned long long>(handled.load()),
              static_cast<unsigned long long>(requests.load()),
              static_cast<unsigned long long>(vectors.load()));
  if (handled == 0 || requests == 0) broken_rule("there was no storm");
}

}  // namespace

int main(int count, char **arguments) {
  const std::string kind = count > 2 ? arguments[1] : "";
  const bool real = kind == "signals" || (count > 3 && std::string(arguments[3]) == "real");
  if (kind != "signals" && kind != "ends") {
    std::fprintf(stderr, "storm signals SECONDS | storm ends COUNT [real]\n");
    return 2;
  }
  if (real && !probe(*kernel_ring_ops()).supported) {
    std::printf("skipped: this machine allows no ring\n");
    return 0;
  }
  const char *temporary = std::getenv("TMPDIR");
  std::string directory = std::string(temporary == nullptr ? "/tmp" : temporary) + "/storm-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return 1;
  if (kind == "signals")
    storm_of_signals(std::atof(arguments[2]), directory);
  else
    end_requests(std::strtoull(arguments[2], nullptr, 10), real, directory);
  ::rmdir(directory.c_str());
  std::printf("passed\n");
  return 0;
}
