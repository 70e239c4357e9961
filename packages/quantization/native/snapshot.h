// Codes on disk. Sections of the snapshot file (annulus/snapshot_format.h, kind "codes", version
// 2):
//
//   1  Description, below
//   2  codebook: what training found, in the kind's own form
//   3  rows: slots x stride bytes, as in memory
//   4  terms: slots x term_bytes, only where the layout keeps them apart from the rows
//   5  Calibration (calibration.h), only where training could calibrate bounds
#pragma once

#include <annulus/file.h>

#include <memory>
#include <string>

#include "codes.h"
#include "parallel.h"

namespace annulus {

namespace codes_snapshot {

inline constexpr char kind[] = "codes";
inline constexpr uint32_t version = 2;

enum Section : uint32_t { description = 1, codebook = 2, rows = 3, terms = 4, calibration = 5 };

struct Description {
  uint32_t kind;  // CodeKind
  uint32_t dimension;
  uint32_t metric;
  uint32_t code_bytes;
  uint32_t term_bytes;
  uint32_t stride;
  uint32_t terms_in_row;
  uint32_t zero;
  uint64_t slots;
};
static_assert(sizeof(Description) == 40, "the format has no gaps");

}  // namespace codes_snapshot

/// Writes the slots published at the start to `path`, piece by piece in the background, and calls
/// `done` exactly once. The target is replaced whole or not at all.
void save_codes(const CodesRef &codes, const Held<annulus_pool> &pool, const std::string &path,
                const int32_t *abort, std::function<void(FileStatus status)> done);

/// Reads what `save_codes` wrote. Every checksum and every field is checked before use, but for
/// rows that take `later_from` bytes or more: these are arriving rows, for `load_rows` to read.
/// Blocks; run it on a worker. `codes` is set when the status is ok.
FileStatus load_codes(const std::string &path, const int32_t *abort, CodesRef &codes,
                      uint64_t later_from = UINT64_MAX);

/// Reads and checks what `load_codes` has left for later; at once where it has not. When it fails
/// the codes must not be used any more, but may be by those who do. Blocks. Once.
FileStatus load_rows(const CodesRef &codes, const int32_t *abort);

}  // namespace annulus
