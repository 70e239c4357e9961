// Opens a snapshot file and hands out its sections only after every checksum and range has been
// checked.
//
// The one subtle rule: the check reads through read(2), also in `map` mode, because a bad disk
// block read through a mapping kills the process (SIGBUS) where read(2) returns an error.
#ifndef ANNULUS_SNAPSHOT_READER_H
#define ANNULUS_SNAPSHOT_READER_H

#include <annulus/aligned.h>
#include <annulus/file_io.h>
#include <annulus/snapshot_file.h>
#include <annulus/snapshot_format.h>

#include <string>
#include <vector>

namespace annulus {

/// Sections stay valid and writable (copy-on-write, the file never changes) until the reader is
/// destroyed. What the sections mean is the owner's to check: the checksum says they are what was
/// written.
class SnapshotReader {
 public:
  enum class Mode {
    map,   // private mapping: opens fast, pages may be dropped and read again
    read,  // into memory with huge pages
  };
  struct Section {
    uint32_t id;
    uint8_t *data;  // 64-byte aligned
    uint64_t length;
  };

  /// Replaces what was open before. @param abort may be null; non-zero stops the check soon.
  FileStatus open(const std::string &path, const std::string &kind, uint32_t kind_version,
                  Mode mode = Mode::map, const int32_t *abort = nullptr) {
    close();
    FileStatus status;
    try {
      status = load(path, kind, kind_version, mode, abort);
    } catch (const std::bad_alloc &) {
      status = FileStatus::failed(FileError::out_of_memory, path, "not enough memory to load it");
    }
    if (!status.ok()) close();
    return status;
  }

  void close() {
    sections_.clear();
    memory_ = {};
#if !defined(_WIN32)
    mapping_.reset();
#endif
  }

  const std::vector<Section> &sections() const { return sections_; }

  /// Null when there is no such section.
  const Section *find(uint32_t id) const {
    for (const Section &section : sections_) {
      if (section.id == id) return &section;
    }
    return nullptr;
  }

  /// The section as `count` values of T; null when it is missing or of another length.
  template <typename T>
  T *values(uint32_t id, uint64_t count) const {
    const Section *section = find(id);
    if (section == nullptr || section->length % sizeof(T) != 0 ||
        section->length / sizeof(T) != count) {
      return nullptr;
    }
    return reinterpret_cast<T *>(section->data);
  }

 private:
#if defined(_WIN32)
  FileStatus load(const std::string &path, const std::string &, uint32_t, Mode, const int32_t *) {
    return FileStatus::failed(FileError::unsupported, path, "no snapshots on this platform yet");
  }
#else
  FileStatus load(const std::string &path, const std::string &kind, uint32_t kind_version,
                  Mode mode, const int32_t *abort) {
    SnapshotFile file;
    FileStatus status = file.open(path, kind, kind_version);
    if (!status.ok()) return status;
    const snapshot::Header &header = file.header();
    // Sections stay at their file offsets, so that both modes hand out the same alignment.
    if (mode == Mode::read) memory_.resize(static_cast<size_t>(header.file_bytes));
    for (uint32_t i = 0; i < header.sections && status.ok(); ++i) {
      const snapshot::SectionEntry &entry = header.entries[i];
      status = mode == Mode::read ? file.read(entry, abort, memory_.data() + entry.offset)
                                  : file.check(entry, abort);
    }
    if (!status.ok()) return status;
    uint8_t *base = memory_.data();
    if (mode == Mode::map) {
      if (!mapping_.map(file.descriptor(), static_cast<size_t>(header.file_bytes))) {
        return FileStatus::system(path, "mmap");
      }
      base = mapping_.data();
    }
    for (uint32_t i = 0; i < header.sections; ++i) {
      const snapshot::SectionEntry &entry = header.entries[i];
      sections_.push_back({entry.id, base + entry.offset, entry.length});
    }
    return {};
  }

  Mapping mapping_;
#endif

  std::vector<Section> sections_;
  AlignedVector<uint8_t> memory_;
};

}  // namespace annulus

#endif
