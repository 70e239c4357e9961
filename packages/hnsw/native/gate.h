// Lets a snapshot or a check have the graph to itself: insertions pause between nodes, searches go
// on.
//
// A paused insertion does not hold a pool thread; it leaves its ticket and is resumed when the gate
// opens.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace annulus::hnsw {

class Gate {
 public:
  /// What an insertion leaves when it finds the gate shut. It belongs to the insertion, which must
  /// not end before it was resumed.
  struct Ticket {
    void (*resume)(Ticket *ticket) = nullptr;
    Ticket *next = nullptr;
  };

  /// True: go on, and call `leave` soon. False: return; `ticket->resume` will be called once.
  bool enter(Ticket *ticket);
  void leave();

  /// For the length of a scope no insertion is inside. Blocks until those inside have left.
  class Shut {
   public:
    explicit Shut(Gate &gate);
    ~Shut();
    Shut(const Shut &) = delete;
    Shut &operator=(const Shut &) = delete;

   private:
    Gate &gate_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable empty_;
  uint32_t inside_ = 0;
  uint32_t shut_ = 0;
  Ticket *waiting_ = nullptr;
};

}  // namespace annulus::hnsw
