#include "nodes.h"

#include <new>
#include <utility>

namespace annulus::hnsw {

namespace {
template <typename T>
T *zeroed(size_t count) {
  void *memory = map_pages(count * sizeof(T), 1);
  if (memory == nullptr) throw std::bad_alloc();
  return static_cast<T *>(memory);
}
}  // namespace

NodeStore::NodeStore(const Params &params)
    : m_(params.m),
      stride_(params.m0()),
      chunks_(zeroed<Chunk>(kDirectory)),
      uppers_(zeroed<uint32_t *>(kUpperDirectory)) {}

NodeStore::NodeStore(NodeStore &&other)
    : m_(other.m_),
      stride_(other.stride_),
      chunks_(std::move(other.chunks_)),
      uppers_(std::move(other.uppers_)),
      reserved_(std::exchange(other.reserved_, 0)),
      bytes_(std::exchange(other.bytes_, 0)),
      pages_(std::move(other.pages_)),
      next_block_(other.next_block_),
      upper_chunks_(other.upper_chunks_) {}

NodeStore::~NodeStore() = default;

Pages *NodeStore::add_pages(size_t bytes, bool huge) {
  pages_.emplace_back();
  if (!pages_.back().allocate(bytes, huge)) {
    pages_.pop_back();
    return nullptr;
  }
  __atomic_fetch_add(&bytes_, bytes, __ATOMIC_RELAXED);
  return &pages_.back();
}

bool NodeStore::add_chunk() {
  const size_t link_bytes = sizeof(uint32_t) * stride_ * kChunkNodes;
  // The first chunk of a small collection stays on small pages, touched as it fills.
  Pages *links = add_pages(link_bytes, reserved_ > 0);
  if (links == nullptr) return false;
  Pages *rest = add_pages(kChunkNodes * (sizeof(uint32_t) + 3), false);
  if (rest == nullptr) return false;
  auto *bytes = static_cast<uint8_t *>(rest->data());
  Chunk &chunk = chunks_.get()[reserved_ >> kChunkBits];
  chunk.links = static_cast<uint32_t *>(links->data());
  chunk.uppers = static_cast<uint32_t *>(rest->data());
  chunk.levels = bytes + kChunkNodes * sizeof(uint32_t);
  chunk.states = chunk.levels + kChunkNodes;
  chunk.locks = chunk.states + kChunkNodes;
  __atomic_store_n(&reserved_, reserved_ + kChunkNodes, __ATOMIC_RELEASE);
  return true;
}

bool NodeStore::reserve(uint64_t slots) {
  if (slots <= reserved()) return true;
  std::lock_guard<std::mutex> lock(mutex_);
  while (reserved_ < slots) {
    if (!add_chunk()) return false;
  }
  return true;
}

void NodeStore::postpone_huge_pages() const {
  for (const Pages &pages : pages_) pages.postpone_huge_pages();
}

void NodeStore::advise_huge_pages() const {
  for (const Pages &pages : pages_) pages.advise_huge_pages();
}

bool NodeStore::set_level(uint32_t slot, uint32_t level) {
  Chunk &chunk = chunks_.get()[slot >> kChunkBits];
  // An aborted insertion, and a node that was freed, leave their lists for the next try.
  if (level > 0 && chunk.levels[offset(slot)] == 0) {
    std::lock_guard<std::mutex> lock(mutex_);
    // A node's lists do not straddle chunks.
    if (next_block_ % kUpperBlocks + level > kUpperBlocks) {
      next_block_ += kUpperBlocks - next_block_ % kUpperBlocks;
    }
    if (next_block_ / kUpperBlocks == upper_chunks_) {
      Pages *pages = add_pages(sizeof(uint32_t) * m_ * kUpperBlocks, false);
      if (pages == nullptr) return false;
      uppers_.get()[upper_chunks_++] = static_cast<uint32_t *>(pages->data());
    }
    chunk.uppers[offset(slot)] = next_block_;
    next_block_ += level;
  }
  __atomic_store_n(chunk.levels + offset(slot), static_cast<uint8_t>(level), __ATOMIC_RELEASE);
  return true;
}

}  // namespace annulus::hnsw
