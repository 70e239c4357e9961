// Rows of a snapshot on their way into memory, of codes that are searched meanwhile. It knows which
// rows are there, and reads the others from the file for whoever needs them: those of a batch
// together, to rows beside the real ones, in codes with the same codebook.
//
// The one subtle rule: what is read that way, and what is there before the end of loading, has not
// been checked against the checksum of the whole. It may cost a search results; whoever takes
// distances of codes for more than a guess waits for the end.
#pragma once

#include <annulus/abi.h>
#include <annulus/snapshot_file.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "codes.h"

namespace annulus {

class ArrivingRows final : private ReadObserver {
 public:
  /// Rows are reserved and published, terms apart from them loaded. May throw std::bad_alloc, as
  /// the next.
  ArrivingRows(Codes &codes, SnapshotFile file, const snapshot::SectionEntry &rows);

  /// Before anybody calls one of the functions of codes below.
  void prepare();
  /// Reads and checks every row; the codes are as any others then. Once. When it fails, this goes
  /// on as before. Other reads have the disk first, but not for long.
  FileStatus load(const int32_t *abort);
  /// Rows that are there; fewer than all before the end of loading.
  uint64_t loaded() const;

  /// As the functions of codes, from any thread. Never fail: a row that cannot be read is farther
  /// than all others, and loading will fail.
  void query_distances(const void *query, const uint32_t *slots, size_t n, float *out);
  void pair_distances(uint32_t slot, const uint32_t *slots, size_t n, float *out);
  void prepare_slot(uint32_t slot, void *query);
  void bounds(const void *prepared, const uint32_t *slots, const float *distances, size_t n,
              annulus_bound *out);
  void decode(uint32_t slot, float *out);

 private:
  class Lease;

  void before_piece() override;
  void after_piece(uint64_t offset, size_t size) override;
  void begin_asking();
  void end_asking();
  bool is_there(uint32_t slot) const;
  bool fetch(uint32_t slot, Codes &some, uint32_t row);
  void fetch_all(const uint32_t *slots, size_t n, Codes &some, uint32_t first_row, bool *read);
  static void put_last(const bool *read, size_t n, float *distances);
  CodesRef new_codes() const;
  CodesRef take();
  void give_back(CodesRef some);
  void note_failure(FileStatus status);

  Codes &codes_;  // which own this, or did
  const SnapshotFile file_;
  const snapshot::SectionEntry section_;
  const std::vector<uint8_t> codebook_;
  std::vector<std::atomic<bool>> there_;  // by piece of the section
  std::atomic<uint64_t> bytes_{0};
  bool is_searched_ = false;
  std::atomic<uint32_t> asking_{0};  // batches that are reading rows from the file
  // When the first began and the last ended; 0 when none has.
  std::atomic<int64_t> first_asked_us_{0};
  std::atomic<int64_t> last_asked_us_{0};

  std::mutex mutex_;
  std::condition_variable given_back_;
  std::vector<CodesRef> spare_;  // codes for a few rows each; has room for all it will hold
  FileStatus failure_;
};

}  // namespace annulus
