// Segment files with known vectors, some of them damaged, and what reading them should give.
#pragma once

#include <annulus/crc32c.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "../engine.h"
#include "../read_plan.h"
#include "fake_kernel.h"

namespace annulus::uring {

class Model {
 public:
  Model(std::mt19937_64 &random, const std::string &directory) {
    const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
    layout.dimension = 1 + below(300);
    layout.vector_bytes = layout.dimension * 4;
    layout.stride = layout.vector_bytes + 4 * below(40);
    layout.header_bytes = 4096;
    layout.slots_per_segment = 1 + below(60);
    layout.segment_bytes = 4096 + (layout.slots_per_segment * layout.stride + 4095) / 4096 * 4096;
    slots = 1 + below(150);
    std::normal_distribution<float> normal;
    vectors.resize(slots * layout.dimension);
    for (float &value : vectors) value = normal(random);
    others = vectors;
    for (uint32_t i = 0; i < layout.dimension; ++i) others[others.size() - 1 - i] = normal(random);
    const uint64_t segments = (slots + layout.slots_per_segment - 1) / layout.slots_per_segment;
    for (uint64_t number = 0; number < segments; ++number) create(number, directory);
    const uint32_t damageable = slots - 1;  // the last is for rewriting
    for (uint32_t i = below(4); i > 0 && damageable > 0; --i) bad.insert(below(damageable));
    for (uint32_t i = below(4); i > 0 && damageable > 0; --i) corrupt.insert(below(damageable));
    for (const uint32_t slot : corrupt) checksum(slot) ^= 1u << below(32);
  }

  ~Model() {
    for (const std::string &path : paths) ::unlink(path.c_str());
  }

  uint64_t offset(uint32_t slot) const {
    return layout.header_bytes + slot % layout.slots_per_segment * layout.stride;
  }
  const float *vector(uint32_t slot) const { return &vectors[slot * layout.dimension]; }
  /// Whether a read of `slot` touches a sector of a bad one.
  bool near_bad(uint32_t slot, uint32_t alignment) const {
    const ReadPlan plan(layout, alignment, 0, 0);
    const ByteRange range = plan.range(slot);
    for (const uint32_t other : bad) {
      const uint64_t at = offset(other);
      if (plan.segment_of(other) == range.segment && range.begin < at + layout.vector_bytes &&
          at < range.end) {
        return true;
      }
    }
    return false;
  }

  /// Gives the last slot its other vector, as a writer does that fills a freed slot.
  void rewrite(Engine &engine) {
    const uint32_t slot = slots - 1;
    engine.begin_rewrite(&slot, 1);
    vectors.swap(others);
    const int fd = ::open(paths.back().c_str(), O_WRONLY);
    const auto *bytes = reinterpret_cast<const char *>(vector(slot));
    const auto half = static_cast<ssize_t>(layout.vector_bytes / 2);
    const auto at = static_cast<off_t>(offset(slot));
    const auto rest = static_cast<ssize_t>(layout.vector_bytes) - half;
    if (::pwrite(fd, bytes, static_cast<size_t>(half), at) != half ||
        ::pwrite(fd, bytes + half, static_cast<size_t>(rest), at + half) != rest) {
      broken_rule("the test could not write its files");
    }
    ::close(fd);
    __atomic_store_n(&checksum(slot), crc32c(slot, bytes, layout.vector_bytes), __ATOMIC_RELAXED);
    engine.end_rewrite();
  }
  uint32_t &checksum(uint32_t slot) {
    return checksums[slot / layout.slots_per_segment][slot % layout.slots_per_segment];
  }
  uint64_t inode(uint32_t slot) const { return inodes[slot / layout.slots_per_segment]; }

  Layout layout{};
  uint32_t slots = 0;
  std::vector<float> vectors;
  std::vector<float> others;  ///< the same but for the last slot, which is rewritten under our eyes
  std::vector<std::string> paths;
  std::vector<uint64_t> inodes;
  std::vector<std::vector<uint32_t>> checksums;
  std::set<uint32_t> bad, corrupt;

 private:
  void create(uint64_t number, const std::string &directory) {
    paths.push_back(directory + "/segment-" + std::to_string(number));
    checksums.emplace_back(layout.slots_per_segment, 0);
    std::vector<char> bytes(layout.segment_bytes, 0);
    for (uint64_t i = 0; i < layout.slots_per_segment; ++i) {
      const uint64_t slot = number * layout.slots_per_segment + i;
      if (slot >= slots) break;
      const auto at = static_cast<uint32_t>(slot);
      std::memcpy(&bytes[offset(at)], vector(at), layout.vector_bytes);
      checksum(at) = crc32c(at, vector(at), layout.vector_bytes);
    }
    const int fd = ::open(paths.back().c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (fd < 0 || ::write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
      broken_rule("the test could not write its files");
    }
    struct stat status;
    ::fstat(fd, &status);
    inodes.push_back(status.st_ino);
    ::close(fd);
  }
};

}  // namespace annulus::uring
