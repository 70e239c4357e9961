// Words of link lists, read while others write.
//
// A list is a fixed number of words filled from the front; a word holds slot + 1 (and a mark) and 0
// ends the list, so fresh zero pages are empty lists. Every word is always valid by itself: a
// reader who meets a list being rewritten sees a mixture of the old and the new one, never a slot
// that was not published. That is all a search needs, so there is no sequence lock. Writers hold
// the node's lock.
#pragma once

#include <cstdint>

namespace annulus::hnsw {

inline uint32_t load_word(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
inline void store_word(uint32_t *word, uint32_t value) {
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/// Marks a link that no rewriting drops. Every node hangs on one other at level 0 by a pair of such
/// links, the nearest it found when it was linked; together they are a tree, so whatever else is
/// dropped, no node gets out of reach.
constexpr uint32_t kTreeLink = 0x80000000u;

inline uint32_t linked_slot(uint32_t word) { return (word & ~kTreeLink) - 1; }
inline uint32_t make_word(uint32_t slot, bool tree) { return (slot + 1) | (tree ? kTreeLink : 0); }

/// Copies a list's words into `out` (room for `capacity`); returns how many there are.
inline uint32_t read_words(const uint32_t *words, uint32_t capacity, uint32_t *out) {
  uint32_t n = 0;
  for (; n < capacity; ++n) {
    out[n] = load_word(words + n);
    if (out[n] == 0) break;
  }
  return n;
}

/// Copies a list's slots into `out` (room for `capacity`); returns how many there are.
inline uint32_t read_links(const uint32_t *words, uint32_t capacity, uint32_t *out) {
  const uint32_t n = read_words(words, capacity, out);
  for (uint32_t i = 0; i < n; ++i) out[i] = linked_slot(out[i]);
  return n;
}

/// Replaces a list. The caller holds the node's lock or is the only one who knows the node.
inline void write_words(uint32_t *words, uint32_t capacity, const uint32_t *from, uint32_t n) {
  for (uint32_t i = 0; i < n; ++i) store_word(words + i, from[i]);
  for (uint32_t i = n; i < capacity && load_word(words + i) != 0; ++i) store_word(words + i, 0);
}

/// A lock of one byte. Held for the rewriting of one list, never two at a time.
class NodeLock {
 public:
  explicit NodeLock(uint8_t *byte) : byte_(byte) {
    while (__atomic_exchange_n(byte_, 1, __ATOMIC_ACQUIRE) != 0) pause();
  }
  ~NodeLock() { __atomic_store_n(byte_, 0, __ATOMIC_RELEASE); }
  NodeLock(const NodeLock &) = delete;
  NodeLock &operator=(const NodeLock &) = delete;

 private:
  void pause();
  uint8_t *byte_;
  uint32_t turns_ = 0;
};

}  // namespace annulus::hnsw
