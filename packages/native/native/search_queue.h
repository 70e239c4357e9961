// Searches of one plan that wait for their turn, taken by as many jobs of the pool as it has
// threads.
//
// To wake the event loop costs a third of a short search. So a job that has another search to do
// leaves the result of one to be told of together with later ones, when as many have ended as are
// waiting, for those keep the workers busy until the event loop has sent new ones. How long that
// may take is bounded by what searches of the plan took lately.
#pragma once

#include <annulus/abi.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "search.h"

namespace annulus {

class SearchQueue : public std::enable_shared_from_this<SearchQueue> {
 public:
  /// One search, from `add` until `done`.
  class Entry {
   public:
    virtual ~Entry() = default;
    /// Prepared with the plan of the queue.
    Search search;

   protected:
    /// Its abort flag, read until `done`.
    virtual const int32_t *flag() const = 0;
    /// Any thread, once. The result may wait until there are `told_from`, or `tell` is called.
    virtual void done(size_t told_from) = 0;

   private:
    friend class SearchQueue;
    size_t told_from_ = 1;
  };

  /// `tell` is called on workers, perhaps after the last `done`.
  SearchQueue(std::shared_ptr<const SearchPlan> plan, std::function<void()> tell);

  const std::shared_ptr<const SearchPlan> &plan() const { return plan_; }
  /// The entry stays where it is until it is done.
  void add(Entry *entry);

 private:
  using Clock = std::chrono::steady_clock;

  static void run_job(void *queue, uint32_t worker);
  void submit(std::shared_ptr<SearchQueue> *self);
  bool serve(uint32_t worker);
  Entry *take(size_t &left);
  void note(std::chrono::nanoseconds spent);
  bool is_brief() const;

  const std::shared_ptr<const SearchPlan> plan_;
  const std::function<void()> tell_;
  const uint32_t threads_;
  std::atomic<int64_t> usual_ns_;
  std::mutex mutex_;  // of what follows
  std::deque<Entry *> waiting_;
  uint32_t jobs_ = 0;  // submitted and not ended
};

}  // namespace annulus
