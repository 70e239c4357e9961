#include <algorithm>
#include <new>
#include <vector>

#include "snapshot.h"
#include "snapshot_sections.h"

namespace annulus::hnsw {

namespace {

bool raised(const int32_t *abort) {
  return abort != nullptr && __atomic_load_n(abort, __ATOMIC_RELAXED) != 0;
}

uint8_t saved_state(uint8_t state) {
  if (state == kFree) return kEmpty;
  return state == kHidden ? uint8_t{kRemoved} : state;  // nobody will reveal it
}

// States first, once: all else in the file agrees with this copy, whatever is removed meanwhile.
std::vector<uint8_t> copy_states(const Graph &graph) {
  std::vector<uint8_t> states(graph.nodes.reserved());
  for (uint32_t slot = 0; slot < states.size(); ++slot) {
    states[slot] = saved_state(graph.nodes.state(slot));
  }
  while (!states.empty() && states.back() == kEmpty) states.pop_back();
  return states;
}

class Saver {
 public:
  Saver(const Graph &graph, SnapshotWriter &writer, const int32_t *abort)
      : graph_(graph), writer_(writer), abort_(abort), states_(copy_states(graph)) {}

  bool write() {
    return write_fields() && write_states() && write_levels() && write_base() && write_uppers();
  }

 private:
  bool has_links(uint32_t slot) const { return hnsw::has_links(states_[slot]); }

  bool write_fields() {
    SnapshotFields fields{};
    fields.m = graph_.params.m;
    fields.ef_construct = graph_.params.ef_construct;
    fields.seed = graph_.params.seed;
    fields.slots = states_.size();
    fields.removed = static_cast<uint64_t>(std::count_if(states_.begin(), states_.end(), is_gone));
    fields.linked =
        fields.removed + static_cast<uint64_t>(std::count(states_.begin(), states_.end(), kLinked));
    const EntryPoint entry = graph_.entry();
    fields.entry_slot = entry.slot;
    fields.entry_level = entry.level;
    return section(kFieldsSection, &fields, sizeof(fields));
  }

  bool write_states() { return section(kStatesSection, states_.data(), states_.size()); }

  bool write_levels() {
    std::vector<uint8_t> levels(states_.size());
    for (uint32_t slot = 0; slot < levels.size(); ++slot) {
      levels[slot] = has_links(slot) ? static_cast<uint8_t>(graph_.nodes.level(slot)) : 0;
    }
    return section(kLevelsSection, levels.data(), levels.size());
  }

  bool write_base() {
    if (!writer_.begin(kBaseSection).ok()) return false;
    for (uint32_t slot = 0; slot < states_.size(); ++slot) {
      if (!list(slot, 0)) return false;
    }
    return true;
  }

  bool write_uppers() {
    if (!writer_.begin(kUpperSection).ok()) return false;
    for (uint32_t slot = 0; slot < states_.size(); ++slot) {
      if (!has_links(slot)) continue;
      for (uint32_t level = 1; level <= graph_.nodes.level(slot); ++level) {
        if (!list(slot, level)) return false;
      }
    }
    return true;
  }

  bool list(uint32_t slot, uint32_t level) {
    if (slot % 4096 == 0 && raised(abort_)) return false;
    const uint32_t capacity = graph_.params.capacity(level);
    return writer_.write(graph_.nodes.links(slot, level), capacity * sizeof(uint32_t)).ok();
  }

  bool section(uint32_t id, const void *data, size_t bytes) {
    return writer_.begin(id).ok() && writer_.write(data, bytes).ok();
  }

  const Graph &graph_;
  SnapshotWriter &writer_;
  const int32_t *abort_;
  const std::vector<uint8_t> states_;
};

}  // namespace

FileStatus save(Graph &graph, const std::string &path, const int32_t *abort) {
  try {
    SnapshotWriter writer(path, kSnapshotKind, kSnapshotVersion);
    {
      const Gate::Shut shut(graph.gate);
      Saver saver(graph, writer, abort);
      if (!saver.write() && writer.status().ok()) {
        return FileStatus::failed(FileError::aborted, path, "saving was aborted");
      }
    }
    return writer.commit();
  } catch (const std::bad_alloc &) {
    return FileStatus::failed(FileError::out_of_memory, path, "not enough memory to save it");
  }
}

}  // namespace annulus::hnsw
