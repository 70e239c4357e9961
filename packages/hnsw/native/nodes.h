// Where nodes live: link blocks of fixed stride in chunks that are only ever added, never moved.
//
// The one subtle rule: a slot may be used once `reserve` has returned for it on some thread and
// that fact reached the user through a release/acquire pair; a link word or a job submission is
// one.
#pragma once

#include <annulus/own_pages.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "links.h"
#include "pages.h"
#include "params.h"

namespace annulus::hnsw {

/// What has happened to a slot. Values are written to snapshots.
enum NodeState : uint8_t {
  kEmpty = 0,
  kLinking = 1,  // an insertion is under way; never in a snapshot
  kLinked = 2,
  kRemoved = 3,  // linked, never returned any more, still traversed
  kSkipped = 4,  // removed before it was linked: not linked until it is freed
  kLeaving = 5,  // removed, being taken out by a repair: nothing may be made to point to it
  kFree = 6,     // freed; a new insertion makes it empty, so that none begun before links it. Never
                 // in a snapshot
  kHiding = 7,   // as kLinking, to be hidden; never in a snapshot
  kHidden = 8,   // linked, not returned before it is revealed; removed in a snapshot
};

inline bool is_gone(uint8_t state) { return state == kRemoved || state == kLeaving; }
/// Linked, and not on its way out.
inline bool stays(uint8_t state) { return state == kLinked || state == kHidden; }
inline bool has_links(uint8_t state) { return stays(state) || is_gone(state); }
/// Whether searches return it, where they come to it.
inline bool is_returned(uint8_t state) { return state == kLinked || state == kLinking; }

class NodeStore {
#if defined(ANNULUS_SMALL_MEMORY)  // fuzzers make thousands of graphs a second
  static constexpr uint32_t kChunkBits = 6;
#else
  static constexpr uint32_t kChunkBits = 14;  // with m = 16 a chunk's links are one huge page
#endif

 public:
  /// Slots whose base links lie together, from each multiple of it on.
  static constexpr uint32_t kChunkNodes = 1u << kChunkBits;

  explicit NodeStore(const Params &params);
  ~NodeStore();
  /// Takes over the nodes of a store that nobody else uses yet.
  NodeStore(NodeStore &&other);
  NodeStore(const NodeStore &) = delete;
  NodeStore &operator=(const NodeStore &) = delete;

  /// Makes room for slots below `slots`. False when there is no memory; what was there stays.
  bool reserve(uint64_t slots);
  /// One past the highest slot with room.
  uint64_t reserved() const { return __atomic_load_n(&reserved_, __ATOMIC_ACQUIRE); }

  /// Before all that was reserved is filled at once, and after that; nobody else may use it yet.
  void postpone_huge_pages() const;
  void advise_huge_pages() const;

  uint8_t state(uint32_t slot) const {
    return __atomic_load_n(chunk(slot).states + offset(slot), __ATOMIC_ACQUIRE);
  }
  bool change_state(uint32_t slot, uint8_t from, uint8_t to) {
    return __atomic_compare_exchange_n(chunk(slot).states + offset(slot), &from, to, false,
                                       __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
  }
  void set_state(uint32_t slot, uint8_t state) {
    __atomic_store_n(chunk(slot).states + offset(slot), state, __ATOMIC_RELEASE);
  }

  /// Gives a node its level and empty lists above level 0. Before it is published; false without
  /// memory.
  bool set_level(uint32_t slot, uint32_t level);
  uint32_t level(uint32_t slot) const {
    return __atomic_load_n(chunk(slot).levels + offset(slot), __ATOMIC_ACQUIRE);
  }

  /// The words of a node's list at a level it has.
  uint32_t *links(uint32_t slot, uint32_t level) const {
    return level == 0 ? base_links(slot) : upper_links(slot, level);
  }
  uint32_t *base_links(uint32_t slot) const {
    return chunk(slot).links + static_cast<size_t>(offset(slot)) * stride_;
  }
  void prefetch_links(uint32_t slot) const {
    const uint32_t *words = base_links(slot);
    for (uint32_t i = 0; i < stride_; i += 16) __builtin_prefetch(words + i);
  }

  uint8_t *lock(uint32_t slot) const { return chunk(slot).locks + offset(slot); }

  /// Bytes held: link blocks, upper lists, levels, states, locks.
  uint64_t bytes() const { return __atomic_load_n(&bytes_, __ATOMIC_RELAXED); }

 private:
  static constexpr uint32_t kUpperBits = 10;
#if defined(ANNULUS_SMALL_MEMORY)
  static constexpr size_t kDirectory = 4;
  static constexpr size_t kUpperDirectory = 4;
#else
  static constexpr size_t kDirectory = (kMaxSlots + 1) >> kChunkBits;
  // A node above level 0 is one in m >= 4, and has 1 / (1 - 1/m) upper lists on average.
  static constexpr size_t kUpperDirectory = (kMaxSlots >> kUpperBits) + 1;
#endif
  static constexpr uint32_t kUpperBlocks = 1u << kUpperBits;

  struct Chunk {
    uint32_t *links;
    uint32_t *uppers;  // first block of the node's upper lists
    uint8_t *levels;
    uint8_t *states;
    uint8_t *locks;
  };
  template <size_t entries>
  struct Unmap {
    template <typename T>
    void operator()(T *memory) const {
      unmap_pages(memory, entries * sizeof(T));
    }
  };

  const Chunk &chunk(uint32_t slot) const { return chunks_.get()[slot >> kChunkBits]; }
  static uint32_t offset(uint32_t slot) { return slot & (kChunkNodes - 1); }
  uint32_t *upper_links(uint32_t slot, uint32_t level) const {
    const uint32_t block = chunk(slot).uppers[offset(slot)] + level - 1;
    return uppers_.get()[block >> kUpperBits] +
           static_cast<size_t>(block & (kUpperBlocks - 1)) * m_;
  }
  Pages *add_pages(size_t bytes, bool huge);
  bool add_chunk();

  const uint32_t m_;
  const uint32_t stride_;
  // Both directories are zero pages until used, so their size costs address space only.
  std::unique_ptr<Chunk, Unmap<kDirectory>> chunks_;
  std::unique_ptr<uint32_t *, Unmap<kUpperDirectory>> uppers_;
  uint64_t reserved_ = 0;
  uint64_t bytes_ = 0;

  std::mutex mutex_;  // guards what follows, and growth
  std::deque<Pages> pages_;
  uint32_t next_block_ = 0;
  uint32_t upper_chunks_ = 0;
};

}  // namespace annulus::hnsw
