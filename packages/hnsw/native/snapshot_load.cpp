#include <annulus/pieces.h>
#include <annulus/snapshot_file.h>

#include <algorithm>
#include <atomic>
#include <new>
#include <vector>

#include "snapshot.h"
#include "snapshot_sections.h"

namespace annulus::hnsw {

namespace {

// Links are checked by a few threads, a block of slots each.
constexpr uint64_t kBlockSlots = 4096;
constexpr size_t kLoadThreads = 4;

// The slots seen in one list: its other links are gone through only where two share a bit.
class SeenSlots {
 public:
  /// Whether the slot has certainly not been added before.
  bool add(uint32_t slot) {
    uint64_t &word = bits_[slot / 64 % kWords];
    const uint64_t bit = uint64_t{1} << (slot % 64);
    const bool is_new = (word & bit) == 0;
    word |= bit;
    return is_new;
  }

 private:
  static constexpr size_t kWords = 16;
  uint64_t bits_[kWords] = {};
};

// Reads sections to where they live in memory. Each is checked against its checksum before the
// next is read with its help; nothing of it all is handed out before the last check.
class Loader {
 public:
  Loader(const std::string &path, const int32_t *abort) : path_(path), abort_(abort) {}

  /// May throw std::bad_alloc.
  FileStatus run(std::unique_ptr<SavedGraph> &graph) {
    FileStatus status = file_.open(path_, kSnapshotKind, kSnapshotVersion);
    if (status.ok()) status = read_fields();
    if (status.ok()) status = read_values(kStatesSection, fields_.slots, states_);
    if (status.ok()) status = read_values(kLevelsSection, fields_.slots, levels_);
    if (status.ok()) status = found(check_slots());
    if (status.ok()) status = read_values(kUpperSection, upper_lists_ * params_.m, uppers_);
    if (status.ok()) status = read_base();
    if (status.ok()) status = found(check_links());
    if (status.ok()) graph = std::move(graph_);
    return status;
  }

 private:
  bool has_links(uint64_t slot) const { return hnsw::has_links(states_[slot]); }

  bool aborted() const {
    return abort_ != nullptr && __atomic_load_n(abort_, __ATOMIC_RELAXED) != 0;
  }

  FileStatus found(const char *fault) const {
    if (fault != nullptr) return file_.corrupt(fault);
    if (!aborted()) return {};
    return FileStatus::failed(FileError::aborted, path_, "loading was aborted");
  }

  /// The section as `count` values of T.
  template <typename T>
  FileStatus read_values(SnapshotSection id, uint64_t count, std::vector<T> &out) const {
    const snapshot::SectionEntry *entry = file_.find(id);
    if (entry == nullptr || entry->length != count * sizeof(T)) {
      return file_.corrupt("a section is missing or of the wrong length");
    }
    out.resize(static_cast<size_t>(count));
    return file_.read(*entry, abort_, reinterpret_cast<uint8_t *>(out.data()));
  }

  FileStatus read_fields() {
    std::vector<SnapshotFields> fields;
    FileStatus status = read_values(kFieldsSection, 1, fields);
    if (!status.ok()) return status;
    fields_ = fields[0];
    if (fields_.m < kMinM || fields_.m > kMaxM || fields_.ef_construct < 1 ||
        fields_.ef_construct > kMaxEf) {
      return file_.corrupt("its parameters are out of range");
    }
    if (fields_.slots > kMaxSlots) return file_.corrupt("it has more slots than a graph can have");
    params_ = {fields_.m, fields_.ef_construct, fields_.seed};
    return {};
  }

  // Levels follow from seed and slot, so any other is damage.
  const char *check_slots() {
    uint64_t linked = 0, removed = 0, staying = 0;
    uint32_t top = 0;
    for (uint32_t slot = 0; slot < fields_.slots; ++slot) {
      if (states_[slot] > kLeaving || states_[slot] == kLinking) return "a state is invalid";
      if (levels_[slot] != (has_links(slot) ? level_of(params_, slot) : 0)) {
        return "a level is wrong";
      }
      linked += has_links(slot);
      removed += is_gone(states_[slot]);
      unrepaired_ += is_gone(states_[slot]) || states_[slot] == kSkipped;
      upper_lists_ += levels_[slot];
      if (states_[slot] == kLeaving) continue;  // no entry point any more
      staying += has_links(slot);
      top = std::max<uint32_t>(top, levels_[slot]);
    }
    if (linked != fields_.linked || removed != fields_.removed) return "its counters are wrong";
    const uint32_t entry = fields_.entry_slot;
    const bool valid = staying == 0 ? entry == kNone
                                    : entry < fields_.slots && has_links(entry) &&
                                          states_[entry] != kLeaving && levels_[entry] == top &&
                                          fields_.entry_level == top;
    return valid ? nullptr : "its entry point is invalid";
  }

  FileStatus read_base() {
    const uint64_t list_bytes = params_.m0() * sizeof(uint32_t);
    const snapshot::SectionEntry *entry = file_.find(kBaseSection);
    if (entry == nullptr || entry->length != fields_.slots * list_bytes) {
      return file_.corrupt("a section is missing or of the wrong length");
    }
    graph_ = std::make_unique<SavedGraph>(path_, params_, fields_.slots);
    NodeStore &nodes = graph_->nodes;
    if (!nodes.reserve(fields_.slots)) throw std::bad_alloc();
    nodes.postpone_huge_pages();
    const uint64_t chunk_bytes = NodeStore::kChunkNodes * list_bytes;
    FileStatus status = file_.read(*entry, abort_, [&](uint64_t offset, size_t wanted, size_t) {
      const uint64_t within = offset % chunk_bytes;
      uint32_t *chunk = nodes.base_links(static_cast<uint32_t>((offset - within) / list_bytes));
      return ReadTarget{reinterpret_cast<uint8_t *>(chunk) + within,
                        static_cast<size_t>(std::min<uint64_t>(wanted, chunk_bytes - within))};
    });
    nodes.advise_huge_pages();
    return status;
  }

  const char *check_links() {
    const std::vector<const uint32_t *> uppers = give_levels();
    std::atomic<bool> sound{true};
    each_piece(uppers.size(), kLoadThreads, [&](size_t block, size_t) {
      if (!sound || aborted()) return;
      if (!take_block(block, uppers[block])) sound = false;
    });
    if (!sound) return "a link is invalid";
    graph_->linked = fields_.linked;
    graph_->removed = fields_.removed;
    graph_->unrepaired = unrepaired_;
    graph_->entry = {fields_.entry_slot, fields_.entry_level};
    return nullptr;
  }

  // Returns where the upper lists of each block of slots begin.
  std::vector<const uint32_t *> give_levels() {
    std::vector<const uint32_t *> uppers;
    const uint32_t *upper = uppers_.data();
    for (uint32_t slot = 0; slot < fields_.slots; ++slot) {
      if (slot % kBlockSlots == 0) uppers.push_back(upper);
      if (!has_links(slot)) continue;
      if (!graph_->nodes.set_level(slot, levels_[slot])) throw std::bad_alloc();
      upper += uint64_t{levels_[slot]} * params_.m;
    }
    return uppers;
  }

  bool take_block(size_t block, const uint32_t *upper) {
    const uint64_t first = block * kBlockSlots;
    const auto end = static_cast<uint32_t>(std::min(fields_.slots, first + kBlockSlots));
    NodeStore &nodes = graph_->nodes;
    for (auto slot = static_cast<uint32_t>(first); slot < end; ++slot) {
      if (!is_list(slot, 0, nodes.base_links(slot))) return false;
      for (uint32_t level = 1; level <= levels_[slot]; ++level, upper += params_.m) {
        if (!is_list(slot, level, upper)) return false;
        write_words(nodes.links(slot, level), params_.m, upper, params_.m);
      }
      nodes.set_state(slot, states_[slot]);
    }
    return true;
  }

  /// Whether these words may be a node's list.
  bool is_list(uint32_t slot, uint32_t level, const uint32_t *words) const {
    const uint32_t capacity = params_.capacity(level);
    uint32_t n = 0;
    SeenSlots seen;
    for (; n < capacity && words[n] != 0; ++n) {
      const uint32_t target = linked_slot(words[n]);
      if ((level > 0 && (words[n] & kTreeLink) != 0) || target >= fields_.slots || target == slot ||
          !has_links(target) || levels_[target] < level ||
          (!seen.add(target) && links_to(words, n, target))) {
        return false;
      }
    }
    return (n == 0 || has_links(slot)) &&
           std::all_of(words + n, words + capacity, [](uint32_t word) { return word == 0; });
  }

  static bool links_to(const uint32_t *words, uint32_t n, uint32_t slot) {
    return std::any_of(words, words + n,
                       [slot](uint32_t word) { return linked_slot(word) == slot; });
  }

  const std::string &path_;
  const int32_t *abort_;
  SnapshotFile file_;
  SnapshotFields fields_{};
  Params params_;
  std::vector<uint8_t> states_;
  std::vector<uint8_t> levels_;
  std::vector<uint32_t> uppers_;
  uint64_t upper_lists_ = 0;
  uint64_t unrepaired_ = 0;
  std::unique_ptr<SavedGraph> graph_;
};

}  // namespace

FileStatus read_graph(const std::string &path, const int32_t *abort,
                      std::unique_ptr<SavedGraph> &graph) {
  try {
    return Loader(path, abort).run(graph);
  } catch (const std::bad_alloc &) {
    return FileStatus::failed(FileError::out_of_memory, path, "not enough memory to load it");
  }
}

FileStatus SavedGraph::complete(const annulus_scorer &scorer, std::shared_ptr<Graph> &graph) && {
  if (slots > scorer.slots(scorer.self)) {
    return FileStatus::failed(FileError::corrupt, path, "it names slots that have no code");
  }
  graph = std::make_shared<Graph>(scorer, params, std::move(nodes));
  graph->linked = linked;
  graph->removed = removed;
  graph->unrepaired = unrepaired;
  if (entry.exists()) graph->set_entry(entry);
  return {};
}

FileStatus load(const std::string &path, const annulus_scorer &scorer, const int32_t *abort,
                std::shared_ptr<Graph> &graph) {
  std::unique_ptr<SavedGraph> saved;
  const FileStatus status = read_graph(path, abort, saved);
  return status.ok() ? std::move(*saved).complete(scorer, graph) : status;
}

}  // namespace annulus::hnsw
