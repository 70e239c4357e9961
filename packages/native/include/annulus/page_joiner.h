// Joins the small pages of memory that was filled at once to huge ones, behind everybody's back:
// scans and searches then miss the TLB far less. The system does so by itself, but takes minutes
// for what takes seconds here.
//
// The one subtle rule: while a page is joined the process cannot map or unmap memory. So it is one
// page at a time, on an ordinary thread that gives way to the event loop (one that runs only when a
// core is idle could be kept from ending), with a rest after each.
#ifndef ANNULUS_PAGE_JOINER_H
#define ANNULUS_PAGE_JOINER_H

#include <annulus/aligned.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#endif

namespace annulus {

class PageJoiner {
 public:
  struct Block {
    uint8_t *data;
    size_t bytes;
  };

  /// What has just been loaded is about to serve its first searches: it begins after a rest.
  explicit PageJoiner(std::chrono::milliseconds first_rest = std::chrono::milliseconds(250))
      : first_rest_(first_rest) {}
  /// Waits for the page that is being joined.
  ~PageJoiner() { stop(); }
  PageJoiner(const PageJoiner &) = delete;
  PageJoiner &operator=(const PageJoiner &) = delete;

  /// Begins with the whole huge pages within these blocks, which stay until `stop`. A hint: where
  /// the system does not do it, was told not to, or is short of memory or threads, nothing happens.
  /// Once, or after `stop`.
  void begin(const std::vector<Block> &blocks) {
    std::vector<uint8_t *> pages;
    for (const Block &block : blocks) add_pages(block, pages);
    if (pages.empty() || !is_wanted()) return;
    stopped_ = false;
    try {
      thread_ = std::thread([this, pages = std::move(pages)] { join(pages); });
    } catch (const std::system_error &) {
    }
  }

  void stop() {
    if (!thread_.joinable()) return;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopped_ = true;
    }
    stopping_.notify_all();
    thread_.join();
  }

 private:
  using Clock = std::chrono::steady_clock;
  // Rests are so many times as long as the work, a twentieth of a core: where a virtual machine has
  // to get the memory from its host a page takes 7 ms instead of 0.5, and a search may have to wait
  // for it.
  static constexpr int kRestShare = 20;
  // Least share of the memory that is free: more is made by moving or dropping what others use.
  static constexpr uint64_t kFreeShare = 16;

  static void add_pages(const Block &block, std::vector<uint8_t *> &pages) {
    const auto start = reinterpret_cast<uintptr_t>(block.data);
    const uintptr_t first = (start + huge_page_bytes - 1) / huge_page_bytes * huge_page_bytes;
    for (uintptr_t page = first; page + huge_page_bytes <= start + block.bytes;
         page += huge_page_bytes) {
      pages.push_back(reinterpret_cast<uint8_t *>(page));
    }
  }

  void join(const std::vector<uint8_t *> &pages) {
    begin_thread();
    Clock::duration rest = first_rest_;
    for (uint8_t *page : pages) {
      if (!rested(rest) || !has_free_memory()) return;
      const Clock::time_point start = Clock::now();
      if (!join_page(page)) return;
      rest = kRestShare * (Clock::now() - start);
    }
  }

  // False when it is to end.
  bool rested(Clock::duration rest) {
    std::unique_lock<std::mutex> lock(mutex_);
    return !stopping_.wait_for(lock, rest, [this] { return stopped_; });
  }

#if defined(__linux__)
  // Unlike MADV_HUGEPAGE this advice is followed even where the administrator wants no huge pages.
  static bool is_wanted() {
    char setting[64] = {};
    std::FILE *file = std::fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
    if (file == nullptr) return false;
    const bool known = std::fgets(setting, sizeof setting, file) != nullptr;
    std::fclose(file);
    return known && std::strstr(setting, "[never]") == nullptr;
  }

  static void begin_thread() {
    pthread_setname_np(pthread_self(), "annulus-pages");
    const auto thread = static_cast<id_t>(syscall(SYS_gettid));
    setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + 5);
  }

  static bool has_free_memory() {
    struct sysinfo info;
    return sysinfo(&info) == 0 && info.freeram >= info.totalram / kFreeShare;
  }

  // False when further pages would fail as well.
  static bool join_page(uint8_t *page) {
    constexpr int collapse = 25;  // MADV_COLLAPSE, since Linux 6.1
    return madvise(page, huge_page_bytes, collapse) == 0 || errno == EAGAIN || errno == EBUSY;
  }
#else
  static bool is_wanted() { return false; }
  static void begin_thread() {}
  static bool has_free_memory() { return false; }
  static bool join_page(uint8_t *) { return false; }
#endif

  const std::chrono::milliseconds first_rest_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stopped_ = false;
};

}  // namespace annulus

#endif
