// The bytes of a snapshot file. Little-endian; every byte is under a checksum.
//
//   0     magic "ANNULUSS"
//   8     u32 format version (1)
//   12    u32 bytes of this header (4096)
//   16    kind, 32 bytes, zero-padded: who wrote it and reads it ("hnsw", "scalar8", ...)
//   48    u32 version of what the sections hold, the kind's own
//   52    u32 number of sections
//   56    u64 bytes of the whole file
//   64    sections, 32 bytes each: u32 id, u32 crc32c, u64 offset, u64 length, u64 zero
//   4092  u32 crc32c of bytes 0 to 4091
//
// Sections follow in the order of the table, each at the next multiple of 4096, zero-padded to one.
// The crc32c of a section is seeded with its id and covers the padding.
#ifndef ANNULUS_SNAPSHOT_FORMAT_H
#define ANNULUS_SNAPSHOT_FORMAT_H

#include <cstddef>
#include <cstdint>

namespace annulus {
namespace snapshot {

inline constexpr char magic[8] = {'A', 'N', 'N', 'U', 'L', 'U', 'S', 'S'};
inline constexpr uint32_t format_version = 1;
inline constexpr uint32_t page_bytes = 4096;
inline constexpr size_t kind_bytes = 32;
inline constexpr uint32_t sections_max = 125;

struct SectionEntry {
  uint32_t id;
  uint32_t crc32c;
  uint64_t offset;
  uint64_t length;
  uint64_t zero;
};

struct Header {
  char magic[8];
  uint32_t format_version;
  uint32_t header_bytes;
  char kind[kind_bytes];
  uint32_t kind_version;
  uint32_t sections;
  uint64_t file_bytes;
  SectionEntry entries[sections_max];
  uint8_t reserved[28];
  uint32_t crc32c;
};

static_assert(sizeof(SectionEntry) == 32 && sizeof(Header) == page_bytes, "the format has no gaps");
#if defined(__BYTE_ORDER__)
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "snapshots are little-endian");
#endif

/// Padding from `length` to the next page.
constexpr uint64_t padding_of(uint64_t length) {
  return (page_bytes - length % page_bytes) % page_bytes;
}

}  // namespace snapshot
}  // namespace annulus

#endif
