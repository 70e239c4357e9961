// Insertion, search, removal, repair, reuse of slots, saving, loading and checking at the same
// time, for the sanitizers.
//
//   stress <directory for a snapshot> [seconds] [threads]
//
// Exits with 1 and a line on stderr when anything that must hold does not.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "../../../native/native/pool.h"
#include "../check.h"
#include "../insert_job.h"
#include "../remove.h"
#include "../repair_job.h"
#include "../search.h"
#include "../snapshot.h"
#include "float_scorer.h"

namespace hnsw = annulus::hnsw;

namespace {

constexpr uint32_t kDimension = 16;
constexpr uint32_t kSlots = 6000;
// So many that a scan of half of them is done in parts, by several workers.
constexpr uint32_t kManySlots = 20'000;

void require(bool holds, const char *what) {
  if (holds) return;
  std::fprintf(stderr, "stress: %s\n", what);
  std::exit(1);
}

class Latch {
 public:
  void open() {
    std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

struct Round {
  Round(uint32_t seed, uint32_t count)
      : slots(count), scorer(kDimension, ANNULUS_METRIC_EUCLIDEAN, count) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> vector(kDimension);
    for (uint32_t i = 0; i < slots; ++i) {
      // One in eight is a copy of an earlier one, so that equal distances occur.
      if (i % 8 != 7) std::generate(vector.begin(), vector.end(), [&] { return normal(random); });
      scorer.add(vector.data());
    }
    hnsw::Params params;
    params.m = 8;
    params.ef_construct = 32;
    params.seed = seed;
    graph = std::make_shared<hnsw::Graph>(scorer.table(), params);
    require(graph->nodes.reserve(slots), "no memory");
  }

  const uint32_t slots;
  hnsw::test::FloatScorer scorer;
  std::shared_ptr<hnsw::Graph> graph;
  std::atomic<bool> over{false};
  std::atomic<bool> inserted{false};
  std::atomic<uint64_t> reused{0};
};

void check_results(const Round &round, const annulus_candidate_request &request) {
  require(request.status == ANNULUS_OK, "a search failed");
  require(request.found <= request.k, "too many results");
  std::vector<uint32_t> slots(request.slots, request.slots + request.found);
  for (uint32_t i = 0; i < request.found; ++i) {
    require(slots[i] < round.slots, "a result is out of range");
    require(i == 0 || request.distances[i - 1] < request.distances[i] ||
                (request.distances[i - 1] == request.distances[i] && slots[i - 1] < slots[i]),
            "results are not in order");
    if (request.allowed == nullptr) continue;
    require((request.allowed[slots[i] / 32] >> (slots[i] % 32) & 1) != 0, "the filter was ignored");
  }
  std::sort(slots.begin(), slots.end());
  require(std::adjacent_find(slots.begin(), slots.end()) == slots.end(), "a result comes twice");
}

void search_until_over(Round &round, const annulus_pool &pool, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint32_t> allowed((round.slots + 31) / 32);
  std::vector<float> query(kDimension);
  std::vector<uint32_t> slots(50);
  std::vector<float> distances(50);
  while (!round.over.load()) {
    const bool few = random() % 2 == 0;  // an eighth, and a narrow beam: two hops
    for (uint32_t &word : allowed) {
      word = static_cast<uint32_t>(random());
      if (few) word &= static_cast<uint32_t>(random()) & static_cast<uint32_t>(random());
    }
    annulus_candidate_request request{};
    std::generate(query.begin(), query.end(), [&] { return static_cast<float>(random()) / 2e9f; });
    request.query = query.data();
    request.k = 1 + static_cast<uint32_t>(random() % (few ? 5 : 50));
    request.ef = few ? 5 : 20;
    request.allowed = random() % 2 == 0 ? allowed.data() : nullptr;
    if (round.slots == kManySlots && random() % 4 == 0) {
      // So wide that reading every code is cheaper than walking to those of the filter.
      request.ef = 4000;
      request.allowed = allowed.data();
    }
    request.allowed_bits = round.slots;
    request.slots = slots.data();
    request.distances = distances.data();
    hnsw::search(*round.graph, request, &pool);
    check_results(round, request);
  }
}

void save_until_over(Round &round, const std::string &path) {
  do {
    const annulus::FileStatus saved = hnsw::save(*round.graph, path, nullptr);
    require(saved.ok(), saved.message.c_str());
    std::shared_ptr<hnsw::Graph> loaded;
    const annulus::FileStatus status = hnsw::load(path, round.scorer.table(), nullptr, loaded);
    require(status.ok(), status.message.c_str());
    require(hnsw::check(*loaded).violations() == 0, "a loaded snapshot breaks an invariant");
    const hnsw::Gate::Shut shut(round.graph->gate);
    require(hnsw::check(*round.graph).violations() == 0, "an invariant broke meanwhile");
  } while (!round.over.load());
}

// Piece by piece where there is an allowance.
void run_job(hnsw::SlicedJob &job, const int32_t *abort, uint64_t allowance_ns) {
  do {
    Latch latch;
    job.start(
        abort, nullptr, allowance_ns,
        [](hnsw::SlicedJob *, void *l) { static_cast<Latch *>(l)->open(); }, &latch);
    latch.wait();
  } while (job.left());
}

void insert_slots(Round &round, const annulus_pool &pool, const std::vector<uint32_t> &slots,
                  hnsw::Shown shown = hnsw::Shown::at_once) {
  hnsw::InsertJob job(round.graph, pool, slots, true, shown);
  run_job(job, nullptr, 500'000);
  require(job.status() == ANNULUS_OK, "an insertion failed");
  if (shown == hnsw::Shown::at_once) return;
  for (const uint32_t slot : slots) hnsw::reveal_node(*round.graph, slot);
}

// Repairs until the others are done, and uses what is freed again with other vectors, which the
// thread sanitizer would see if a search still read the old ones. Every third repair is aborted.
void repair_until_over(Round &round, const annulus_pool &pool, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> vector(kDimension);
  bool last = false;
  for (uint32_t turn = 0; !last; ++turn) {
    last = round.inserted.load();
    const bool aborts = !last && turn % 3 == 2;
    int32_t abort = 0;
    hnsw::RepairJob job(round.graph, pool);
    std::thread aborting([&] {
      if (aborts) __atomic_store_n(&abort, 1, __ATOMIC_RELAXED);
    });
    run_job(job, &abort, turn % 2 == 0 ? 300'000 : 0);
    aborting.join();
    if (aborts && job.status() == ANNULUS_ABORTED) continue;
    require(job.status() == ANNULUS_OK, "a repair failed");
    std::vector<uint32_t> freed = job.take_freed();
    for (const uint32_t slot : freed) {
      std::generate(vector.begin(), vector.end(),
                    [&] { return static_cast<float>(random()) / 4e9f; });
      round.scorer.set(slot, vector.data());
    }
    round.reused += freed.size();
    const auto shown = turn % 4 == 0 ? hnsw::Shown::when_revealed : hnsw::Shown::at_once;
    if (turn % 2 == 0) insert_slots(round, pool, freed, shown);
    for (uint32_t i = 0; i < round.slots / 50; ++i) {
      hnsw::remove_node(*round.graph, static_cast<uint32_t>(random() % round.slots));
    }
  }
}

void insert_all(Round &round, const annulus_pool &pool, uint32_t seed, bool background) {
  std::mt19937 random(seed);
  std::vector<uint32_t> order(round.slots);
  for (uint32_t i = 0; i < round.slots; ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), random);
  Latch latch;
  hnsw::InsertJob job(round.graph, pool, order, background);
  job.start(
      nullptr, nullptr, 0, [](hnsw::SlicedJob *, void *l) { static_cast<Latch *>(l)->open(); },
      &latch);
  for (uint32_t i = 0; i < round.slots / 10; ++i) {
    hnsw::remove_node(*round.graph, static_cast<uint32_t>(random() % round.slots));
    std::this_thread::yield();
  }
  latch.wait();
  require(job.status() == ANNULUS_OK, "an insertion failed");
}

bool was_scanned_in_parts(const hnsw::Graph &graph) {
  // As many as were ever in use at once.
  std::vector<std::unique_ptr<hnsw::ScratchLease>> scratches;
  bool found = false;
  while (!found && scratches.size() < 64) {
    scratches.push_back(std::make_unique<hnsw::ScratchLease>(graph.scratches));
    found = (**scratches.back()).parts.size() > 1;
  }
  return found;
}

void run(uint32_t seed, uint32_t threads, uint32_t slots, const std::string &path) {
  Round round(seed, slots);
  annulus::Pool *pool = annulus::Pool::create(threads);
  std::vector<std::thread> others;
  for (uint32_t i = 0; i < 2; ++i) {
    others.emplace_back(
        [&round, pool, seed, i] { search_until_over(round, pool->table(), seed * 31 + i); });
  }
  others.emplace_back([&round, &path] { save_until_over(round, path); });
  // Two jobs over the same slots compete for each.
  std::thread rival([&] { insert_all(round, pool->table(), seed + 1, true); });
  std::thread repairer([&] { repair_until_over(round, pool->table(), seed + 3); });
  insert_all(round, pool->table(), seed + 2, false);
  rival.join();
  round.inserted = true;
  repairer.join();
  require(round.reused > 0, "no slot was freed");
  round.over = true;
  for (std::thread &other : others) other.join();
  require(slots < kManySlots || was_scanned_in_parts(*round.graph), "no scan was done in parts");
  const hnsw::CheckReport report = hnsw::check(*round.graph);
  require(report.violations() == 0, "an invariant broke");
  require(report.unreachable * 100 < report.nodes, "many nodes are out of reach");
  require(round.graph->size() + round.graph->removed == report.nodes, "the counters disagree");
  pool->close();
  pool->table().release(pool);
}

// A job started on a closed pool, or whose pool closes, still ends, and without deep recursion.
void run_closing_pool(uint32_t seed) {
  Round round(seed, kSlots);
  annulus::Pool *pool = annulus::Pool::create(2);
  std::thread closer([pool] { pool->close(); });
  insert_all(round, pool->table(), seed, true);
  closer.join();
  pool->table().release(pool);
}

}  // namespace

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  const std::string path = std::string(argv[1]) + "/stress.graph";
  const int seconds = argc > 2 ? std::atoi(argv[2]) : 10;
  const auto threads = static_cast<uint32_t>(argc > 3 ? std::atoi(argv[3]) : 3);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  uint32_t rounds = 0;
  do {
    ++rounds;
    run(rounds, threads, rounds % 4 == 1 ? kManySlots : kSlots, path);
    run_closing_pool(rounds);
  } while (std::chrono::steady_clock::now() < end);
  std::printf("stress: %u rounds held\n", rounds);
  return 0;
}
