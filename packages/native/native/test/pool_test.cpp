// The worker pool: every job once, no worker number twice at a time, whatever closes when.
#include "../pool.h"

#include <annulus/held.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "../patience.h"
#include "check.h"

using namespace annulus;

namespace {

// A count to wait for; no sleeps.
class Gate {
 public:
  void open() {
    std::lock_guard<std::mutex> lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  void wait_for(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return count_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

struct Tally {
  explicit Tally(uint32_t threads) : per_worker(threads) {}
  Gate done;
  std::vector<long> per_worker;  // plain on purpose: the thread sanitizer sees two of one number
  std::atomic<long> total{0};
};

void count_job(void *ctx, uint32_t worker) {
  auto *tally = static_cast<Tally *>(ctx);
  ++tally->per_worker[worker];
  ++tally->total;
  tally->done.open();
}

void submit(Pool *pool, void (*run)(void *, uint32_t), void *ctx, bool background = false) {
  pool->table().submit(pool, run, ctx, background ? 1 : 0);
}

// With more `cores` than threads all workers look for jobs before they sleep.
void every_job_once(bool close_early, uint32_t cores) {
  const uint32_t threads = 3;
  const int submitters = 4, jobs = 500;
  Pool *pool = Pool::create(threads, true, cores);
  CHECK(pool->table().threads(pool) == threads);
  Tally tally(2 * threads);
  std::vector<std::thread> all;
  for (int s = 0; s < submitters; ++s) {
    all.emplace_back([&, s] {
      for (int j = 0; j < jobs; ++j) {
        submit(pool, count_job, &tally, j % 3 == 0);
        if (close_early && s == 0 && j == jobs / 2) pool->close();
      }
    });
  }
  for (std::thread &thread : all) thread.join();
  tally.done.wait_for(submitters * jobs);
  pool->table().release(pool);
  long sum = 0;
  for (const long count : tally.per_worker) sum += count;
  CHECK(sum == submitters * jobs && tally.total == submitters * jobs);
}

// A job that submits another, also when nobody is left to run it.
struct Nested {
  Pool *pool;
  int left;
  int depth = 0;
  int deepest = 0;
  Gate done;
};

void nested_job(void *ctx, uint32_t) {
  auto *nested = static_cast<Nested *>(ctx);
  nested->deepest = std::max(nested->deepest, ++nested->depth);
  if (--nested->left > 0) submit(nested->pool, nested_job, nested);
  const bool last = nested->left == 0;
  --nested->depth;
  if (last) nested->done.open();
}

// Closes, and returns once no worker is left: jobs then run on the thread that submits them.
void close_and_wait(Pool *pool) {
  struct Probe {
    std::thread::id ran_on;
    Gate done;
  };
  pool->close();
  for (bool here = false; !here;) {
    Probe probe;
    submit(
        pool,
        [](void *ctx, uint32_t) {
          auto *p = static_cast<Probe *>(ctx);
          p->ran_on = std::this_thread::get_id();
          p->done.open();
        },
        &probe);
    probe.done.wait_for(1);
    here = probe.ran_on == std::this_thread::get_id();
  }
}

void jobs_that_submit() {
  for (const bool closed : {false, true}) {
    Pool *pool = Pool::create(1);
    if (closed) close_and_wait(pool);
    Nested nested{pool, 1000, 0, 0, {}};
    submit(pool, nested_job, &nested);
    nested.done.wait_for(1);
    pool->table().release(pool);
    CHECK(nested.left == 0);
    CHECK(nested.deepest == 1);  // one worker number is never inside two jobs
  }
}

// Two threads that submit to a pool without workers must not both be worker 0.
void submitters_take_turns() {
  Pool *pool = Pool::create(2);
  close_and_wait(pool);
  Tally tally(2);
  std::vector<std::thread> all;
  for (int s = 0; s < 4; ++s) {
    all.emplace_back([&] {
      for (int j = 0; j < 2000; ++j) submit(pool, count_job, &tally);
    });
  }
  for (std::thread &thread : all) thread.join();
  tally.done.wait_for(8000);
  pool->table().release(pool);
  CHECK(tally.per_worker[0] == 8000 && tally.per_worker[1] == 0);
}

void searches_go_first() {
  Pool *pool = Pool::create(1, false);
  struct Order {
    Gate started, go, done;
    std::string ran;
  } order;
  const auto wait = [](void *ctx, uint32_t) {
    auto *o = static_cast<Order *>(ctx);
    o->started.open();
    o->go.wait_for(1);
  };
  const auto build = [](void *ctx, uint32_t) {
    static_cast<Order *>(ctx)->ran += 'b';
    static_cast<Order *>(ctx)->done.open();
  };
  const auto search = [](void *ctx, uint32_t) {
    static_cast<Order *>(ctx)->ran += 's';
    static_cast<Order *>(ctx)->done.open();
  };
  submit(pool, wait, &order);
  order.started.wait_for(1);
  for (int i = 0; i < 3; ++i) submit(pool, build, &order, true);
  for (int i = 0; i < 3; ++i) submit(pool, search, &order);
  order.go.open();
  order.done.wait_for(6);
  pool->table().release(pool);
  CHECK(order.ran == "sssbbb");
}

// Foreground jobs that submit themselves again until told to stop, and background jobs beside.
struct Load {
  Pool *pool = nullptr;
  uint32_t threads = 0;
  std::atomic<bool> stop{false};
  std::atomic<int> building{0};
  std::atomic<int> most{0};
  std::atomic<int> on_workers{0};  // background jobs that spare workers did not run
  std::atomic<int> left{0};        // slices of a lane that submits itself again
  Gate built, ended;
};

void search_again(void *ctx, uint32_t) {
  auto *load = static_cast<Load *>(ctx);
  if (load->stop) return load->ended.open();
  submit(load->pool, search_again, load);
}

void build_once(void *ctx, uint32_t worker) {
  auto *load = static_cast<Load *>(ctx);
  const int now = ++load->building;
  for (int most = load->most; now > most && !load->most.compare_exchange_weak(most, now);) {
  }
  if (worker < load->threads) ++load->on_workers;
  std::this_thread::yield();
  --load->building;
  load->built.open();
}

void build_again(void *ctx, uint32_t worker) {
  auto *load = static_cast<Load *>(ctx);
  if (worker < load->threads) ++load->on_workers;
  if (--load->left > 0) return submit(load->pool, build_again, load, true);
  load->built.open();
}

// However many searches wait, building goes on; however much is to be built, a worker is free.
void both_get_a_share() {
  for (const uint32_t threads : {1u, 2u, 3u}) {
    Load load;
    load.pool = Pool::create(threads, false);
    const int searches = static_cast<int>(threads) + 1;
    for (int i = 0; i < searches; ++i) submit(load.pool, search_again, &load);
    for (int i = 0; i < 200; ++i) submit(load.pool, build_once, &load, true);
    load.built.wait_for(200);
    load.stop = true;
    load.ended.wait_for(searches);
    load.pool->table().release(load.pool);
    CHECK(load.most <= static_cast<int>(threads > 1 ? threads - 1 : 1));
  }
}

// While searches wait, what spare workers do not build takes a worker once in 5 ms at most; and is
// built, whether they ever get a core or not.
void workers_build_rarely_beside_searches() {
  for (const uint32_t threads : {1u, 2u, 3u}) {
    Load load;
    load.threads = threads;
    load.pool = Pool::create(threads);
    const int searches = static_cast<int>(threads) + 1;  // so that one waits at any time
    for (int i = 0; i < searches; ++i) submit(load.pool, search_again, &load);
    const auto start = std::chrono::steady_clock::now();
    load.left = 40;
    submit(load.pool, build_again, &load, true);
    load.built.wait_for(1);
    const auto took = std::chrono::steady_clock::now() - start;
    load.stop = true;
    load.ended.wait_for(searches);
    load.pool->table().release(load.pool);
#if defined(__linux__)
    CHECK(load.on_workers <= took / std::chrono::milliseconds(5));
#endif
  }
}

void pass_time(std::chrono::microseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) relax();
}

// Jobs come while a worker looks for them, just when it gives up (after 50 µs), and when it sleeps:
// one lost would be waited for without end. Some that come at once keep it looking.
void lookers_miss_nothing() {
  for (const uint32_t threads : {1u, 2u}) {
    Pool *pool = Pool::create(threads, true, 4);
    Tally tally(2 * threads);
    int jobs = 0;
    const auto serve = [&](int after, bool background) {
      pass_time(std::chrono::microseconds(after));
      submit(pool, count_job, &tally, background);
      ++jobs;
      while (tally.total < jobs) std::this_thread::yield();
    };
    for (int round = 0; round < 1000; ++round) {
      for (int i = 0; i < 3; ++i) serve(1, false);
      serve(45 + round % 10, false);
      serve(round % 100, round % 4 == 0);
    }
    tally.done.wait_for(jobs);
    pool->table().release(pool);
  }
}

// What is counted as under way is what was submitted and has not ended.
void jobs_are_counted() {
  Pool *pool = Pool::create(1, true, 2);
  const auto counted = [&] { return pool->table().jobs(pool); };
  CHECK(counted() == 0);
  struct Held {
    Gate started, go;
  } held;
  submit(
      pool,
      [](void *ctx, uint32_t) {
        static_cast<Held *>(ctx)->started.open();
        static_cast<Held *>(ctx)->go.wait_for(1);
      },
      &held);
  held.started.wait_for(1);
  Tally tally(2);
  submit(pool, count_job, &tally);
  CHECK(counted() == 2);
  submit(pool, count_job, &tally, true);
  // A spare worker may have run the last one already.
  CHECK(counted() == 2 || counted() == 3);
  held.go.open();
  tally.done.wait_for(2);
  while (counted() > 0) std::this_thread::yield();
  pool->table().release(pool);
}

// Looking in vain becomes rare: of many waits one in 64 at most. One that was not in vain restores
// it.
void patience_ends() {
  Patience patience;
  int looks = 0;
  for (int wait = 0; wait < 6400; ++wait) {
    if (!patience.worth_looking()) continue;
    ++looks;
    patience.was_in_vain();
  }
  CHECK(looks >= 100 && looks < 110);
  while (!patience.worth_looking()) {
  }
  patience.came();
  for (int wait = 0; wait < 100; ++wait) {
    CHECK(patience.worth_looking());
    patience.came();
  }
}

// Once searches have ended all workers build, also what was left to spare ones.
void workers_build_alone() {
  Load load;
  load.threads = 2;
  load.pool = Pool::create(2);
  load.stop = true;
  submit(load.pool, search_again, &load);
  load.ended.wait_for(1);
  for (int i = 0; i < 500; ++i) submit(load.pool, build_once, &load, true);
  load.built.wait_for(500);
  load.pool->table().release(load.pool);
}

// The worker that runs the last job drops the last reference: the pool ends itself.
void dropped_by_its_own_job() {
  for (int round = 0; round < 50; ++round) {
    Pool *pool = Pool::create(2);
    struct Owner {
      Held<annulus_pool> pool;
      Gate released, done;
    } owner;
    owner.pool = Held<annulus_pool>(pool->table());
    pool->table().submit(
        pool,
        [](void *ctx, uint32_t) {
          auto *o = static_cast<Owner *>(ctx);
          o->released.wait_for(1);
          o->pool = Held<annulus_pool>();
          o->done.open();
        },
        &owner, 0);
    pool->table().release(pool);
    owner.released.open();
    owner.done.wait_for(1);
  }
}

}  // namespace

int main() {
  for (int round = 0; round < 10; ++round) {
    for (const uint32_t cores : {1u, 8u}) {
      every_job_once(false, cores);
      every_job_once(true, cores);
    }
  }
  lookers_miss_nothing();
  jobs_are_counted();
  patience_ends();
  jobs_that_submit();
  submitters_take_turns();
  searches_go_first();
  both_get_a_share();
  workers_build_rarely_beside_searches();
  workers_build_alone();
  dropped_by_its_own_job();
  return check::finish("pool");
}
