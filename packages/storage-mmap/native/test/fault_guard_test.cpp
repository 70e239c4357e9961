// The real thing: files cut short under real mappings. Foreign SIGBUS must stay foreign.
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <annulus/fault_guard.h>
#include "mapped_file.h"
#include "reader_fixture.h"
#include "tests.h"

namespace annulus_test {

namespace {

constexpr size_t kPages = 64;

struct Sum {
  const uint8_t *bytes;
  size_t size;
  uint64_t sum;
};

void add_up(void *ctx) {
  auto *sum = static_cast<Sum *>(ctx);
  for (size_t i = 0; i < sum->size; ++i)
    sum->sum += static_cast<volatile const uint8_t *>(sum->bytes)[i];
}

bool readable(const uint8_t *bytes, size_t size) {
  Sum sum{bytes, size, 0};
  return annulus::run_guarded(bytes, size, add_up, &sum);
}

/// Runs `body` in a child with the default action; how it ended.
template <typename Body>
int status_of_child(Body body) {
  std::fflush(nullptr);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    signal(SIGBUS, SIG_DFL);
    body();
    _exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  return status;
}

bool died_of_bus_error(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS; }

void a_foreign_fault_still_kills() {
  const int status = status_of_child([] {
    CHECK(annulus::install_fault_guard());
    MappedFile file(page() * 2);
    file.cut(0);
    add_up(new Sum{file.data(), 1, 0});
  });
  CHECK(died_of_bus_error(status));
}

void a_fault_beside_the_guarded_bytes_still_kills() {
  const int status = status_of_child([] {
    CHECK(annulus::install_fault_guard());
    MappedFile file(page() * 4);
    file.cut(0);
    Sum elsewhere{file.data() + 2 * page(), 1, 0};
    annulus::run_guarded(file.data(), page(), add_up, &elsewhere);
  });
  CHECK(died_of_bus_error(status));
}

void a_sent_signal_still_kills() {
  const int status = status_of_child([] {
    CHECK(annulus::install_fault_guard());
    raise(SIGBUS);
  });
  CHECK(died_of_bus_error(status));
}

void send_bus_error(const void *address) {
#if defined(__linux__)
  siginfo_t sent = {};
  sent.si_signo = SIGBUS;
  sent.si_code = SI_QUEUE;
  sent.si_addr = const_cast<void *>(address);
  syscall(SYS_rt_sigqueueinfo, getpid(), SIGBUS, &sent);
#else
  (void)address;  // elsewhere one cannot choose
  raise(SIGBUS);
#endif
}

void a_signal_sent_inside_the_guard_still_kills() {
  const int status = status_of_child([] {
    CHECK(annulus::install_fault_guard());
    static uint8_t bytes[16];
    annulus::run_guarded(
        bytes, sizeof bytes, [](void *) { raise(SIGBUS); }, nullptr);
  });
  CHECK(died_of_bus_error(status));
}

// What was sent may carry any address, even one that is guarded.
void a_sent_signal_with_a_guarded_address_still_kills() {
  const int status = status_of_child([] {
    CHECK(annulus::install_fault_guard());
    static uint8_t bytes[16];
    annulus::run_guarded(
        bytes, sizeof bytes, [](void *) { send_bus_error(bytes); }, nullptr);
  });
  CHECK(died_of_bus_error(status));
}

void an_ignored_signal_stays_ignored() {
  const int status = status_of_child([] {
    signal(SIGBUS, SIG_IGN);
    CHECK(annulus::install_fault_guard());
    raise(SIGBUS);
  });
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void an_earlier_handler_gets_what_is_not_ours() {
  const int status = status_of_child([] {
    struct sigaction earlier = {};
    earlier.sa_flags = SA_SIGINFO;
    earlier.sa_sigaction = [](int, siginfo_t *info, void *) {
      _exit(info->si_code == BUS_ADRERR ? 42 : 43);
    };
    sigaction(SIGBUS, &earlier, nullptr);
    CHECK(annulus::install_fault_guard());
    MappedFile file(page());
    file.cut(0);
    CHECK(!readable(file.data(), page()));
    add_up(new Sum{file.data(), 1, 0});
  });
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

void cut_files_are_reported_and_healed_ones_read() {
  CHECK(annulus::install_fault_guard());
  CHECK(annulus::install_fault_guard());
  MappedFile file(kPages * page());
  for (size_t length = kPages; length-- > 0;) {
    file.cut(length * page());
    for (size_t at = 0; at < kPages; ++at) {
      CHECK(readable(file.data() + at * page(), page()) == (at < length));
    }
    // A range that only begins inside the file fails as a whole.
    if (length > 0) CHECK(!readable(file.data() + length * page() - 8, 16));
  }
  file.cut(kPages * page());
  CHECK(readable(file.data(), kPages * page()));
}

void guards_nest_and_threads_do_not_mix() {
  CHECK(annulus::install_fault_guard());
  MappedFile file(3 * page());
  file.cut(page());
  const auto nested = [](void *ctx) {
    auto *data = static_cast<const uint8_t *>(ctx);
    CHECK(!readable(data + page(), page()));
    CHECK(readable(data, page()));
  };
  CHECK(annulus::run_guarded(file.data(), page(), nested, const_cast<uint8_t *>(file.data())));
  // The outer guard is in force again after an inner one, whether that met a fault or not.
  const auto faulting = [](void *ctx) {
    auto *data = static_cast<const uint8_t *>(ctx);
    CHECK(!readable(data + page(), page()));
    CHECK(readable(data, page()));
    Sum sum{data + 2 * page(), 1, 0};
    add_up(&sum);
  };
  CHECK(
      !annulus::run_guarded(file.data(), 3 * page(), faulting, const_cast<uint8_t *>(file.data())));
  std::vector<std::thread> threads;
  for (size_t half = 0; half < 4; ++half) {
    threads.emplace_back([&file, half] {
      for (int i = 0; i < 2000; ++i) {
        CHECK(readable(file.data() + half % 2 * page(), page()) == (half % 2 == 0));
      }
    });
  }
  for (std::thread &thread : threads) thread.join();
}

// The whole reader over a real mapping that another party cuts while it is read.
void a_reader_survives_a_cut_file() {
  MapLayout layout = layout_of(256, 1000);
  layout.header_bytes = page();
  layout.segment_bytes = page() + 1000 * layout.stride;
  FakeFiles files(layout, 1, 1);
  MappedFile file(layout.segment_bytes);
  file.write(files.segment(0), layout.segment_bytes, 0);
  auto ops = annulus::system_map_ops();
  CHECK(ops != nullptr);
  MmapReader *reader = MmapReader::create(layout, {}, std::move(ops));
  CHECK(reader->add_segment(file.data(), files.checksums(0)) == ANNULUS_OK);
  CHECK(reader->publish(1000));
  file.unmap();  // as the garbage collector does: the reader has a mapping of its own
  std::mt19937 random(1);
  int failed = 0;
  for (int round = 0; round < 200; ++round) {
    Request request(layout, random_slots(random, 100, 1000), Work::score, 1);
    std::thread cutter([&] { file.cut(random() % layout.segment_bytes); });
    request.submit(reader);
    cutter.join();
    request.wait();
    // The rest of the last page reads as zeros without a signal; the checksum sees that.
    const int32_t status = request.raw.status;
    CHECK(status == ANNULUS_OK || status == ANNULUS_IO || status == ANNULUS_CORRUPT);
    if (status == ANNULUS_OK) CHECK(request.right(files));
    if (status == ANNULUS_IO) ++failed;
    file.write(files.segment(0), layout.segment_bytes, 0);
  }
  CHECK(failed > 20);
  reader->join();
  MmapReader::release(reader);
}

}  // namespace

std::vector<Test> fault_guard_tests() {
  return {
      {"a foreign fault still kills", a_foreign_fault_still_kills},
      {"a fault beside the guarded bytes still kills",
       a_fault_beside_the_guarded_bytes_still_kills},
      {"a sent signal still kills", a_sent_signal_still_kills},
      {"a signal sent inside the guard still kills", a_signal_sent_inside_the_guard_still_kills},
      {"a sent signal with a guarded address still kills",
       a_sent_signal_with_a_guarded_address_still_kills},
      {"an ignored signal stays ignored", an_ignored_signal_stays_ignored},
      {"an earlier handler gets what is not ours", an_earlier_handler_gets_what_is_not_ours},
      {"cut files are reported and healed ones read", cut_files_are_reported_and_healed_ones_read},
      {"guards nest and threads do not mix", guards_nest_and_threads_do_not_mix},
      {"a reader survives a cut file", a_reader_survives_a_cut_file}};
}

}  // namespace annulus_test
