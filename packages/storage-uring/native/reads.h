// The reads in flight, what each of them is for, and a way to find the one that brings a slot
// already.
#pragma once

#include <cstdint>
#include <vector>

#include "request.h"

namespace annulus::uring {

constexpr uint32_t kNone = ~0u;

/// One slot of one request, waiting for a read.
struct Part {
  Request *request;
  uint32_t slot;
  uint32_t index;  ///< where in the request's output
  uint32_t next;   ///< of the same read, or of the free list
};

/// One read in flight. Its number is also that of its buffer.
struct Read {
  uint32_t segment = 0;
  bool direct = false;  ///< past the page cache
  uint64_t begin = 0;
  uint32_t length = 0;  ///< asked for, in whole sectors
  uint32_t needed = 0;  ///< enough to serve every part
  uint32_t filled = 0;
  uint32_t retries = 0;
  uint32_t rereads = 0;     ///< because of rewriting
  uint64_t rewrites = 0;    ///< count of EngineState::rewrites when it was started
  uint32_t parts = kNone;   ///< first of a list
  uint32_t rest = kNone;    ///< parts of a failed merged read that wait to be read one by one
  uint32_t generation = 0;  ///< counts uses of this number
  bool busy = false;
};

class Reads {
 public:
  explicit Reads(uint32_t count);

  uint32_t count() const { return static_cast<uint32_t>(reads_.size()); }
  bool available() const { return !free_.empty(); }
  uint32_t in_flight() const { return static_cast<uint32_t>(reads_.size() - free_.size()); }
  uint32_t acquire();
  void release(uint32_t read);
  Read &operator[](uint32_t read) { return reads_[read]; }

  Part &part(uint32_t part) { return parts_[part]; }
  /// Adds a part to the front of a read's list. May throw bad_alloc, with nothing changed.
  void attach(uint32_t read, Request *request, uint32_t slot, uint32_t index);
  void free_part(uint32_t part);
  /// Moves the parts of one slot from the rest of a read to its parts. False when there is no rest.
  bool next_slot(uint32_t read);

  /// Lets later requests find that this read brings `slot`.
  void announce(uint32_t slot, uint32_t read);
  /// Makes all that was announced for this read untrue.
  void withdraw(uint32_t read) { ++reads_[read].generation; }
  /// The read in flight that brings `slot`, or kNone. Not every one is found; a miss costs one
  /// read.
  uint32_t find(uint32_t slot) const;

 private:
  // Direct-mapped and overwritten at will: an entry holds only while its generation does.
  struct Announcement {
    uint32_t slot = kNone;
    uint32_t read = 0;
    uint32_t generation = 0;
  };

  std::vector<Read> reads_;
  std::vector<uint32_t> free_;
  std::vector<Part> parts_;
  uint32_t free_part_ = kNone;
  std::vector<Announcement> announcements_;
};

}  // namespace annulus::uring
