#include <annulus/pieces.h>

#include <algorithm>
#include <atomic>
#include <new>
#include <vector>

#include "snapshot.h"
#include "snapshot_sections.h"

namespace annulus::hnsw {

namespace {

// Links are checked and copied by a few threads, a block of slots each.
constexpr uint64_t kBlockSlots = 4096;
constexpr size_t kLoadThreads = 4;

class Loader {
 public:
  Loader(const SnapshotReader &reader, const annulus_scorer &scorer, const int32_t *abort)
      : reader_(reader), scorer_(scorer), abort_(abort) {}

  /// What is wrong, or NULL. May throw std::bad_alloc.
  const char *run(std::shared_ptr<Graph> &graph) {
    const char *fault = read_fields();
    if (fault == nullptr) fault = find_arrays();
    if (fault == nullptr) fault = check_slots();
    if (fault == nullptr) fault = build();
    if (fault == nullptr) graph = std::move(graph_);
    return fault;
  }
  bool aborted() const {
    return abort_ != nullptr && __atomic_load_n(abort_, __ATOMIC_RELAXED) != 0;
  }

 private:
  bool has_links(uint64_t slot) const { return hnsw::has_links(states_[slot]); }

  const char *read_fields() {
    const auto *fields = reader_.values<SnapshotFields>(kFieldsSection, 1);
    if (fields == nullptr) return "its fields are missing";
    fields_ = *fields;
    if (fields_.m < kMinM || fields_.m > kMaxM || fields_.ef_construct < 1 ||
        fields_.ef_construct > kMaxEf) {
      return "its parameters are out of range";
    }
    if (fields_.slots > kMaxSlots) return "it has more slots than a graph can have";
    if (fields_.slots > scorer_.slots(scorer_.self)) return "it names slots that have no code";
    params_ = {fields_.m, fields_.ef_construct, fields_.seed};
    return nullptr;
  }

  const char *find_arrays() {
    const uint64_t slots = fields_.slots;
    states_ = reader_.values<uint8_t>(kStatesSection, slots);
    levels_ = reader_.values<uint8_t>(kLevelsSection, slots);
    base_ = reader_.values<uint32_t>(kBaseSection, slots * params_.m0());
    return states_ != nullptr && levels_ != nullptr && base_ != nullptr
               ? nullptr
               : "a section is missing or of the wrong length";
  }

  // Levels follow from seed and slot, so any other is damage.
  const char *check_slots() {
    uint64_t linked = 0, removed = 0, staying = 0, upper_lists = 0;
    uint32_t top = 0;
    for (uint32_t slot = 0; slot < fields_.slots; ++slot) {
      if (states_[slot] > kLeaving || states_[slot] == kLinking) return "a state is invalid";
      if (levels_[slot] != (has_links(slot) ? level_of(params_, slot) : 0)) {
        return "a level is wrong";
      }
      linked += has_links(slot);
      removed += is_gone(states_[slot]);
      unrepaired_ += is_gone(states_[slot]) || states_[slot] == kSkipped;
      upper_lists += levels_[slot];
      if (states_[slot] == kLeaving) continue;  // no entry point any more
      staying += has_links(slot);
      top = std::max<uint32_t>(top, levels_[slot]);
    }
    if (linked != fields_.linked || removed != fields_.removed) return "its counters are wrong";
    uppers_ = reader_.values<uint32_t>(kUpperSection, upper_lists * params_.m);
    if (uppers_ == nullptr) return "a section is missing or of the wrong length";
    const uint32_t entry = fields_.entry_slot;
    const bool valid = staying == 0 ? entry == kNone
                                    : entry < fields_.slots && has_links(entry) &&
                                          states_[entry] != kLeaving && levels_[entry] == top &&
                                          fields_.entry_level == top;
    return valid ? nullptr : "its entry point is invalid";
  }

  const char *build() {
    graph_ = std::make_shared<Graph>(scorer_, params_);
    if (!graph_->nodes.reserve(fields_.slots)) throw std::bad_alloc();
    graph_->nodes.postpone_huge_pages();
    const std::vector<const uint32_t *> uppers = give_levels();
    std::atomic<bool> sound{true};
    each_piece(uppers.size(), kLoadThreads, [&](size_t block, size_t) {
      if (!sound || aborted()) return;
      if (!copy_block(block, uppers[block])) sound = false;
    });
    graph_->nodes.advise_huge_pages();
    if (aborted()) return "loading was aborted";
    if (!sound) return "a link is invalid";
    graph_->linked = fields_.linked;
    graph_->removed = fields_.removed;
    graph_->unrepaired = unrepaired_;
    if (fields_.entry_slot != kNone) {
      graph_->set_entry({fields_.entry_slot, fields_.entry_level});
    }
    return nullptr;
  }

  // Returns where the upper lists of each block of slots begin.
  std::vector<const uint32_t *> give_levels() {
    std::vector<const uint32_t *> uppers;
    const uint32_t *upper = uppers_;
    for (uint32_t slot = 0; slot < fields_.slots; ++slot) {
      if (slot % kBlockSlots == 0) uppers.push_back(upper);
      if (!has_links(slot)) continue;
      if (!graph_->nodes.set_level(slot, levels_[slot])) throw std::bad_alloc();
      upper += uint64_t{levels_[slot]} * params_.m;
    }
    return uppers;
  }

  bool copy_block(size_t block, const uint32_t *upper) {
    const uint64_t first = block * kBlockSlots;
    const auto end = static_cast<uint32_t>(std::min(fields_.slots, first + kBlockSlots));
    for (auto slot = static_cast<uint32_t>(first); slot < end; ++slot) {
      const uint32_t *base = base_ + uint64_t{slot} * params_.m0();
      if (!copy_list(slot, 0, base)) return false;
      for (uint32_t level = 1; level <= levels_[slot]; ++level, upper += params_.m) {
        if (!copy_list(slot, level, upper)) return false;
      }
      graph_->nodes.set_state(slot, states_[slot]);
    }
    return true;
  }

  bool copy_list(uint32_t slot, uint32_t level, const uint32_t *from) {
    const uint32_t capacity = params_.capacity(level);
    uint32_t *to = graph_->nodes.links(slot, level);
    bool ended = !has_links(slot);
    for (uint32_t i = 0; i < capacity; ++i) {
      const uint32_t word = from[i];
      if (word == 0) {
        ended = true;
        continue;
      }
      const uint32_t target = linked_slot(word);
      if (ended || (level > 0 && (word & kTreeLink) != 0) || target >= fields_.slots ||
          target == slot || !has_links(target) || levels_[target] < level ||
          links_to(from, i, target)) {
        return false;
      }
      store_word(to + i, word);
    }
    return true;
  }

  static bool links_to(const uint32_t *words, uint32_t n, uint32_t slot) {
    for (uint32_t i = 0; i < n; ++i) {
      if (linked_slot(words[i]) == slot) return true;
    }
    return false;
  }

  const SnapshotReader &reader_;
  const annulus_scorer &scorer_;
  const int32_t *abort_;
  SnapshotFields fields_{};
  Params params_;
  const uint8_t *states_ = nullptr;
  const uint8_t *levels_ = nullptr;
  const uint32_t *base_ = nullptr;
  const uint32_t *uppers_ = nullptr;
  uint64_t unrepaired_ = 0;
  std::shared_ptr<Graph> graph_;
};

}  // namespace

FileStatus load(const std::string &path, const annulus_scorer &scorer, const int32_t *abort,
                std::shared_ptr<Graph> &graph) {
  SnapshotReader reader;
  FileStatus status =
      reader.open(path, kSnapshotKind, kSnapshotVersion, SnapshotReader::Mode::map, abort);
  if (!status.ok()) return status;
  try {
    Loader loader(reader, scorer, abort);
    const char *fault = loader.run(graph);
    if (fault == nullptr) return {};
    return FileStatus::failed(loader.aborted() ? FileError::aborted : FileError::corrupt, path,
                              fault);
  } catch (const std::bad_alloc &) {
    return FileStatus::failed(FileError::out_of_memory, path, "not enough memory to load it");
  }
}

}  // namespace annulus::hnsw
