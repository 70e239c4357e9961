// Names that saving and loading share.
#pragma once

#include <cstdint>

namespace annulus::hnsw {

constexpr char kSnapshotKind[] = "hnsw";
constexpr uint32_t kSnapshotVersion = 1;

enum SnapshotSection : uint32_t {
  kFieldsSection = 1,
  kStatesSection = 2,
  kLevelsSection = 3,
  kBaseSection = 4,
  kUpperSection = 5,
};

}  // namespace annulus::hnsw
