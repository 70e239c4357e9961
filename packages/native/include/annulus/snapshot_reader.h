// Opens a snapshot file and hands out its sections only after every checksum and range has been
// checked.
//
// The one subtle rule: the check reads through read(2), also in `map` mode, because a bad disk
// block read through a mapping kills the process (SIGBUS) where read(2) returns an error.
#ifndef ANNULUS_SNAPSHOT_READER_H
#define ANNULUS_SNAPSHOT_READER_H

#include <annulus/aligned.h>
#include <annulus/crc32c.h>
#include <annulus/file_io.h>
#include <annulus/snapshot_format.h>

#include <cstring>
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
  static constexpr size_t chunk_bytes = size_t{1} << 20;

#if defined(_WIN32)
  FileStatus load(const std::string &path, const std::string &, uint32_t, Mode, const int32_t *) {
    return FileStatus::failed(FileError::unsupported, path, "no snapshots on this platform yet");
  }
#else
  FileStatus load(const std::string &path, const std::string &kind, uint32_t kind_version,
                  Mode mode, const int32_t *abort) {
    const Descriptor file = open_file(path.c_str(), O_RDONLY);
    if (!file) return FileStatus::system(path, "open");
    struct stat info;
    if (::fstat(file.get(), &info) != 0) return FileStatus::system(path, "fstat");
    const auto corrupt = [&path](const char *what) {
      return FileStatus::failed(FileError::corrupt, path, what);
    };
    if (!S_ISREG(info.st_mode)) return corrupt("it is not a regular file");
    const auto file_bytes = static_cast<uint64_t>(info.st_size);
    if (file_bytes < snapshot::page_bytes) return corrupt("it is shorter than a header");
    snapshot::Header header;
    if (!read_all(file.get(), &header, sizeof header, 0)) return read_failed(path);
    const char *fault = fault_of(header, file_bytes);
    if (fault != nullptr) return corrupt(fault);
    if (kind != header.kind || header.kind_version != kind_version) {
      return FileStatus::failed(FileError::version, path, "it is of another kind or version");
    }
    FileStatus status = mode == Mode::read ? read_sections(path, file.get(), header, abort)
                                           : check_sections(path, file.get(), header, abort);
    if (!status.ok()) return status;
    uint8_t *base = memory_.data();
    if (mode == Mode::map) {
      if (!mapping_.map(file.get(), static_cast<size_t>(file_bytes))) {
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

  /// What is wrong with a header, or null. After this, offsets and lengths are safe to use.
  static const char *fault_of(const snapshot::Header &header, uint64_t file_bytes) {
    if (std::memcmp(header.magic, snapshot::magic, sizeof snapshot::magic) != 0) {
      return "it is not a snapshot";
    }
    if (header.crc32c != crc32c(0, &header, offsetof(snapshot::Header, crc32c))) {
      return "its header is damaged";
    }
    if (header.format_version != snapshot::format_version ||
        header.header_bytes != snapshot::page_bytes) {
      return "its format is unknown";
    }
    if (std::memchr(header.kind, 0, snapshot::kind_bytes) == nullptr)
      return "its kind is malformed";
    if (header.file_bytes != file_bytes) return "its length is wrong";
    if (header.sections > snapshot::sections_max) return "it has too many sections";
    uint64_t expected = snapshot::page_bytes;
    for (uint32_t i = 0; i < header.sections; ++i) {
      const snapshot::SectionEntry &entry = header.entries[i];
      if (entry.offset != expected || entry.length > file_bytes - expected) {
        return "a section is out of place";
      }
      const uint64_t padded = entry.length + snapshot::padding_of(entry.length);
      if (padded > file_bytes - expected) return "a section is out of place";
      for (uint32_t j = 0; j < i; ++j) {
        if (header.entries[j].id == entry.id) return "a section id is used twice";
      }
      expected += padded;
    }
    return expected == file_bytes ? nullptr : "its length is wrong";
  }

  static FileStatus read_failed(const std::string &path) {
    if (errno == 0) return FileStatus::failed(FileError::corrupt, path, "it ended early");
    return FileStatus::system(path, "read");
  }

  // Runs the checksum of a section over chunks that `chunk_at(offset, size)` yields.
  template <typename ChunkAt>
  static FileStatus check(const std::string &path, const snapshot::SectionEntry &entry,
                          const int32_t *abort, ChunkAt chunk_at) {
    uint32_t crc = entry.id;
    const uint64_t end = entry.offset + entry.length + snapshot::padding_of(entry.length);
    for (uint64_t offset = entry.offset; offset < end;) {
      if (abort != nullptr && __atomic_load_n(abort, __ATOMIC_RELAXED) != 0) {
        return FileStatus::failed(FileError::aborted, path, "the check was aborted");
      }
      const auto size = static_cast<size_t>(std::min<uint64_t>(end - offset, chunk_bytes));
      const uint8_t *chunk = chunk_at(offset, size);
      if (chunk == nullptr) return read_failed(path);
      crc = crc32c(crc, chunk, size);
      offset += size;
    }
    if (crc == entry.crc32c) return {};
    return FileStatus::failed(FileError::corrupt, path,
                              "section " + std::to_string(entry.id) + " is damaged");
  }

  static FileStatus check_sections(const std::string &path, int fd, const snapshot::Header &header,
                                   const int32_t *abort) {
    AlignedVector<uint8_t> buffer(
        static_cast<size_t>(std::min<uint64_t>(chunk_bytes, header.file_bytes)));
    for (uint32_t i = 0; i < header.sections; ++i) {
      FileStatus status = check(
          path, header.entries[i], abort, [&](uint64_t offset, size_t size) -> const uint8_t * {
            return read_all(fd, buffer.data(), size, offset) ? buffer.data() : nullptr;
          });
      if (!status.ok()) return status;
    }
    return {};
  }

  FileStatus read_sections(const std::string &path, int fd, const snapshot::Header &header,
                           const int32_t *abort) {
    // Sections stay at their file offsets, so that both modes hand out the same alignment.
    memory_.resize(static_cast<size_t>(header.file_bytes));
    for (uint32_t i = 0; i < header.sections; ++i) {
      FileStatus status = check(
          path, header.entries[i], abort, [&](uint64_t offset, size_t size) -> const uint8_t * {
            return read_all(fd, memory_.data() + offset, size, offset) ? memory_.data() + offset
                                                                       : nullptr;
          });
      if (!status.ok()) return status;
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
