// A retained copy of a C function table: RAII for the rule in abi.h, free of napi.
#ifndef ANNULUS_HELD_H
#define ANNULUS_HELD_H

#include <annulus/abi.h>

#include <utility>

namespace annulus {

/// A retained copy of a table: RAII for the rule in abi.h.
template <typename Table>
class Held {
 public:
  Held() = default;
  explicit Held(const Table &table) : table_(table), held_(true) { table_.retain(table_.self); }
  Held(const Held &other) : table_(other.table_), held_(other.held_) {
    if (held_) table_.retain(table_.self);
  }
  Held(Held &&other) noexcept : table_(other.table_), held_(other.held_) { other.held_ = false; }
  Held &operator=(Held other) noexcept {
    std::swap(table_, other.table_);
    std::swap(held_, other.held_);
    return *this;
  }
  ~Held() {
    if (held_) table_.release(table_.self);
  }
  const Table *operator->() const { return &table_; }
  const Table &operator*() const { return table_; }
  explicit operator bool() const { return held_; }

 private:
  Table table_{};
  bool held_ = false;
};

}  // namespace annulus

#endif
