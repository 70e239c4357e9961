// Lets a snapshot or a check have the graph to itself: insertions pause between nodes, searches go
// on. A repair has it to itself for short steps.
//
// Paused work does not hold a pool thread; it leaves its ticket and is resumed when the gate opens.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace annulus::hnsw {

class Gate {
 public:
  /// What an insertion or a repair leaves when it finds the gate shut. It belongs to that job,
  /// which must not end before it was resumed.
  struct Ticket {
    void (*resume)(Ticket *ticket) = nullptr;
    Ticket *next = nullptr;
  };

  /// True: go on, and call `leave` soon. False: return; `ticket->resume` will be called once.
  bool enter(Ticket *ticket);
  /// The same, but nobody else is inside until `leave`. Those who come meanwhile wait, so that the
  /// turn does come; a resumed caller must therefore enter. One caller at a time.
  bool enter_alone(Ticket *ticket);
  void leave();

  /// For the length of a scope nobody is inside. Blocks until those inside have left.
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
  Ticket *take_next();

  std::mutex mutex_;
  std::condition_variable empty_;
  uint32_t inside_ = 0;
  uint32_t shut_ = 0;
  bool alone_ = false;     // the one inside entered alone
  bool reserved_ = false;  // for one who wants to enter alone
  Ticket *claimant_ = nullptr;
  Ticket *waiting_ = nullptr;
};

}  // namespace annulus::hnsw
