// Build time, recall and queries a second of the graph alone, without Node.
//
//   hnsw-bench <data folder | synthetic:COUNTxDIMENSION> [key=value ...]
//     scorer=scalar|none  m=16  efc=128  threads=1  ef=16,32,64,128  rescore=0|1  count=0|1
//     ceiling=0|1 (how fast that many threads run a loop that shares nothing)
//     filter=EF (measures filters at that ef instead)
//     builds=N (so many builds with seeds from 0, and the worst a query meets in them, instead)
//     cache=FILE (exact neighbours)  graph=FILE (snapshot)  repeat=3  seed=1
#include <annulus/distance.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <memory>
#include <sstream>
#include <thread>

#include "../check.h"
#include "../insert.h"
#include "../search.h"
#include "../snapshot.h"
#include "builds.h"
#include "code_scorer.h"
#include "data.h"
#include "filters.h"

namespace hnsw = annulus::hnsw;
using namespace annulus::hnsw::bench;
using Clock = std::chrono::steady_clock;

namespace {

std::map<std::string, std::string> options = {
    {"scorer", "scalar"}, {"m", "16"},      {"efc", "128"},         {"threads", "1"},
    {"cache", ""},        {"rescore", "0"}, {"ef", "16,32,64,128"}, {"repeat", "5"},
    {"seed", "1"},        {"count", "0"},   {"graph", ""},          {"filter", "0"},
    {"ceiling", "0"},     {"builds", "0"}};

uint32_t number(const char *key) { return static_cast<uint32_t>(std::atoi(options[key].c_str())); }
double seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}
double cpu() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

std::atomic<uint64_t> query_scored{0}, pair_scored{0};
const annulus_scorer *inner;

// Counts what the graph asks for, on demand: counting costs time.
annulus_scorer counted(const annulus_scorer &scorer) {
  inner = &scorer;
  annulus_scorer table = scorer;
  table.query_distances = [](void *self, const void *q, const uint32_t *s, size_t n, float *out) {
    query_scored.fetch_add(n, std::memory_order_relaxed);
    inner->query_distances(self, q, s, n, out);
  };
  table.pair_distances = [](void *self, uint32_t a, const uint32_t *s, size_t n, float *out) {
    pair_scored.fetch_add(n, std::memory_order_relaxed);
    inner->pair_distances(self, a, s, n, out);
  };
  return table;
}

// Runs `work(thread)` on all threads, this one among them.
template <typename Work>
void on_threads(const Work &work) {
  std::vector<std::thread> others;
  for (uint32_t i = 1; i < number("threads"); ++i) others.emplace_back(work, i);
  work(0);
  for (std::thread &other : others) other.join();
}

// What cores that other tenants or each other slow down can reach at most.
void measure_ceiling() {
  constexpr uint64_t kTurns = 1000000000;
  std::atomic<uint64_t> sink{0};
  const auto start = Clock::now();
  on_threads([&](uint32_t thread) {
    uint64_t x = thread + 1;
    for (uint64_t i = 0; i < kTurns; ++i) x = x * 6364136223846793005u + 1442695040888963407u;
    sink += x;
  });
  std::printf("ceiling: %.0f million turns a second on %u threads\n",
              static_cast<double>(kTurns) * number("threads") / seconds(start) / 1e6,
              number("threads"));
}

void build(hnsw::Graph &graph, uint32_t count) {
  if (!graph.nodes.reserve(count)) std::exit(1);
  std::atomic<uint32_t> next{0};
  const auto work = [&](uint32_t until) {
    hnsw::ScratchLease scratch(graph.scratches);
    for (uint32_t slot; (slot = next.fetch_add(1)) < until;) {
      hnsw::insert_node(graph, slot, *scratch);
    }
  };
  if (number("threads") > 1) {
    work(std::min(count, 1000u));
    next = std::min(count, 1000u);
  }
  on_threads([&](uint32_t) { work(count); });
}

void rank_exactly(const DataSet &set, const float *query, std::vector<uint32_t> &slots) {
  static const annulus::FloatKernels kernels = annulus::float_kernels();
  std::vector<std::pair<float, uint32_t>> ranked;
  for (const uint32_t slot : slots) {
    const float d = set.euclidean ? kernels.squared_euclidean(query, set.row(slot), set.dimension)
                                  : -kernels.dot(query, set.row(slot), set.dimension);
    ranked.emplace_back(d, slot);
  }
  std::sort(ranked.begin(), ranked.end());
  for (size_t i = 0; i < slots.size(); ++i) slots[i] = ranked[i].second;
}

double recall_at_10(const DataSet &set, uint32_t q, const std::vector<uint32_t> &slots) {
  uint32_t hits = 0;
  for (uint32_t i = 0; i < 10 && i < slots.size(); ++i) {
    const uint32_t *truth = &set.truth[size_t{q} * set.depth];
    hits += static_cast<uint32_t>(std::count(truth, truth + 10, slots[i]));
  }
  return hits / 10.0;
}

struct Round {
  double recall = 0;
  double wall = 0;
  double cpu = 0;
};

// The queries from `first` on, every `step`-th; returns the mean of their recalls if it is to
// judge.
double run_some(const hnsw::Graph &graph, const DataSet &set, uint32_t ef, bool judge,
                uint32_t first, uint32_t step) {
  const bool rescore = number("rescore") != 0;
  const uint32_t k = rescore ? 20 : 10;
  std::vector<uint32_t> slots(k);
  std::vector<float> distances(k);
  double recall = 0;
  for (uint32_t q = first; q < set.query_count(); q += step) {
    annulus_candidate_request request{};
    request.query = set.query(q);
    request.k = k;
    request.ef = ef;
    slots.resize(k);
    request.slots = slots.data();
    request.distances = distances.data();
    hnsw::search(graph, request);
    slots.resize(request.found);
    if (!judge) continue;
    if (rescore) rank_exactly(set, set.query(q), slots);
    recall += recall_at_10(set, q, slots) / set.query_count();
  }
  return recall;
}

Round run_queries(const hnsw::Graph &graph, const DataSet &set, uint32_t ef, bool judge) {
  Round round;
  const auto start = Clock::now();
  const double cpu_before = cpu();
  if (judge) {
    round.recall = run_some(graph, set, ef, true, 0, 1);
  } else {
    on_threads(
        [&](uint32_t thread) { run_some(graph, set, ef, false, thread, number("threads")); });
  }
  round.cpu = cpu() - cpu_before;
  round.wall = seconds(start);
  return round;
}

// The least CPU time of the rounds: other work on the machine only ever adds.
void measure(const hnsw::Graph &graph, const DataSet &set, uint32_t ef) {
  query_scored = 0;
  const double recall = run_queries(graph, set, ef, true).recall;
  const double scored = static_cast<double>(query_scored) / set.query_count();
  Round best = run_queries(graph, set, ef, false);
  for (uint32_t i = 1; i < number("repeat"); ++i) {
    const Round round = run_queries(graph, set, ef, false);
    best.cpu = std::min(best.cpu, round.cpu);
    best.wall = std::min(best.wall, round.wall);
  }
  std::printf("ef %4u  recall@10 %.4f  QPS %8.0f  CPU us %6.1f", ef, recall,
              set.query_count() / best.wall, 1e6 * best.cpu / set.query_count());
  if (number("count") != 0) std::printf("  scored %.0f", scored);
  std::printf("\n");
}

std::shared_ptr<hnsw::Graph> empty_graph(const annulus_scorer &scorer, uint64_t seed) {
  hnsw::Params params;
  params.m = number("m");
  params.ef_construct = number("efc");
  params.seed = seed;
  return std::make_shared<hnsw::Graph>(scorer, params);
}

std::vector<uint32_t> numbers(const char *key) {
  std::vector<uint32_t> list;
  std::stringstream text(options[key]);
  for (std::string part; std::getline(text, part, ',');) {
    list.push_back(static_cast<uint32_t>(std::atoi(part.c_str())));
  }
  return list;
}

std::shared_ptr<hnsw::Graph> load_or_build(const annulus_scorer &scorer, uint32_t count,
                                           const std::string &name) {
  std::shared_ptr<hnsw::Graph> graph;
  const std::string &file = options["graph"];
  if (!file.empty() && hnsw::load(file, scorer, nullptr, graph).ok()) return graph;
  graph = empty_graph(scorer, number("seed"));
  const auto start = Clock::now();
  const double cpu_before = cpu();
  build(*graph, count);
  std::printf("%s x %u %s m %u efc %u: build %.2f s, CPU %.2f s\n",
              name.substr(name.rfind('/') + 1).c_str(), count, options["scorer"].c_str(),
              number("m"), number("efc"), seconds(start), cpu() - cpu_before);
  if (!file.empty()) hnsw::save(*graph, file, nullptr);
  return graph;
}

void report(const hnsw::Graph &graph, uint32_t count) {
  const hnsw::CheckReport found = hnsw::check(graph);
  std::printf("  %.1f links and %.1f bytes a node, %llu violations",
              static_cast<double>(found.links) / count,
              static_cast<double>(graph.nodes.bytes()) / count,
              static_cast<unsigned long long>(found.violations()));
  if (number("count") != 0) {
    std::printf("; %.0f query and %.0f pair distances an insertion",
                static_cast<double>(query_scored) / count,
                static_cast<double>(pair_scored) / count);
  }
  std::printf("\n");
}

}  // namespace

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  for (int i = 2; i < argc; ++i) {
    const std::string text = argv[i];
    const size_t eq = text.find('=');
    if (eq == std::string::npos || options.count(text.substr(0, eq)) == 0) return 2;
    options[text.substr(0, eq)] = text.substr(eq + 1);
  }
  if (number("ceiling") != 0) measure_ceiling();
  const std::string name = argv[1];
  uint32_t n = 0, d = 0;
  DataSet set = std::sscanf(name.c_str(), "synthetic:%ux%u", &n, &d) == 2
                    ? synthetic(n, d, number("seed"), options["cache"])
                    : load_folder(name);
  const uint32_t count = set.count();
  const std::unique_ptr<CodeScorer> codes = encode(options["scorer"], set);
  const annulus_scorer &plain = codes->table();
  const annulus_scorer scorer = number("count") != 0 ? counted(plain) : plain;
  if (number("builds") != 0) {
    const auto one = [&](uint64_t seed) {
      std::shared_ptr<hnsw::Graph> graph = empty_graph(scorer, seed);
      build(*graph, count);
      return graph;
    };
    measure_builds(one, set, number("builds"), numbers("ef"));
    return 0;
  }
  std::shared_ptr<hnsw::Graph> graph = load_or_build(scorer, count, name);
  report(*graph, count);
  if (number("filter") != 0) {
    measure_filters(*graph, set, number("filter"));
    return 0;
  }
  for (const uint32_t ef : numbers("ef")) measure(*graph, set, ef);
  return 0;
}
