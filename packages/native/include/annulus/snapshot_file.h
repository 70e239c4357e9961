// A snapshot file whose header has been checked, and the reading of its sections: by several
// threads, straight to where the bytes shall live, with the checksum taken on the way.
//
// Reading all of it beats a mapping that is filled as pages are touched: a search touches thousands
// of pages in an order that no readahead foresees, each its own wait, while reading in order keeps
// the disk at its bandwidth, and memory of our own lies on huge pages.
#ifndef ANNULUS_SNAPSHOT_FILE_H
#define ANNULUS_SNAPSHOT_FILE_H

#include <annulus/aligned.h>
#include <annulus/crc32c.h>
#include <annulus/file_io.h>
#include <annulus/pieces.h>
#include <annulus/snapshot_format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <vector>

namespace annulus {

/// Room for some of the bytes that are being read.
struct ReadTarget {
  uint8_t *data;
  size_t size;
};

/// Somebody who lets others go first while a section is read, and makes use of parts of it before
/// all of it is checked. Called by the reading threads.
class ReadObserver {
 public:
  virtual ~ReadObserver() = default;
  virtual void before_piece() = 0;
  /// These bytes of the section have been read.
  virtual void after_piece(uint64_t offset, size_t size) = 0;
};

#if !defined(_WIN32)

class SnapshotFile {
 public:
  /// Every field of the header is checked; after this, offsets and lengths are safe to use.
  FileStatus open(const std::string &path, const std::string &kind, uint32_t kind_version) {
    path_ = path;
    file_ = open_file(path.c_str(), O_RDONLY);
    if (!file_) return FileStatus::system(path, "open");
    struct stat info;
    if (::fstat(file_.get(), &info) != 0) return FileStatus::system(path, "fstat");
    if (!S_ISREG(info.st_mode)) return corrupt("it is not a regular file");
    const auto file_bytes = static_cast<uint64_t>(info.st_size);
    if (file_bytes < snapshot::page_bytes) return corrupt("it is shorter than a header");
    if (!read_all(file_.get(), &header_, sizeof header_, 0)) return failed(errno);
    const char *fault = fault_of(header_, file_bytes);
    if (fault != nullptr) return corrupt(fault);
    if (kind != header_.kind || header_.kind_version != kind_version) {
      return FileStatus::failed(FileError::version, path, "it is of another kind or version");
    }
    return {};
  }

  const snapshot::Header &header() const { return header_; }

  /// Null when there is no such section.
  const snapshot::SectionEntry *find(uint32_t id) const {
    for (uint32_t i = 0; i < header_.sections; ++i) {
      if (header_.entries[i].id == id) return &header_.entries[i];
    }
    return nullptr;
  }

  /// Reads a section to where `target(offset, size, thread)` says: it returns room for at least one
  /// of the `size` bytes from `offset` of the section on, and is called by the reading threads,
  /// each with its number below `read_threads`. What was read counts only if this returns ok.
  /// @param abort may be null; non-zero stops the reading soon.
  /// @param observer may be null.
  template <typename Target>
  FileStatus read(const snapshot::SectionEntry &entry, const int32_t *abort, Target target,
                  ReadObserver *observer = nullptr) const {
    const uint64_t padded = entry.length + snapshot::padding_of(entry.length);
    const auto pieces = static_cast<size_t>((padded + piece_bytes - 1) / piece_bytes);
    std::vector<uint32_t> checksums(pieces);
    std::atomic<int> outcome{whole};
    each_piece(pieces, read_threads, [&](size_t number, size_t thread) {
      if (observer != nullptr) observer->before_piece();
      if (abort != nullptr && __atomic_load_n(abort, __ATOMIC_RELAXED) != 0) outcome = aborted;
      if (outcome != whole) return;
      const Piece piece = piece_of(number, padded);
      advise(entry.offset + piece.offset, piece.size);
      checksums[number] = number == 0 ? entry.id : 0;
      const int error = read_piece(entry, piece, thread, target, checksums[number]);
      if (error != whole) outcome = error;
      if (error == whole && observer != nullptr) observer->after_piece(piece.offset, piece.size);
    });
    if (outcome == aborted) {
      return FileStatus::failed(FileError::aborted, path_, "reading was aborted");
    }
    if (outcome != whole) return failed(outcome);
    uint32_t checksum = pieces == 0 ? entry.id : checksums[0];
    for (size_t number = 1; number < pieces; ++number) {
      checksum = crc32c_joined(checksum, checksums[number], piece_of(number, padded).size);
    }
    if (checksum == entry.crc32c) return {};
    return corrupt(("section " + std::to_string(entry.id) + " is damaged").c_str());
  }

  /// Reads a section whole to `data`; its padding is checked and not kept.
  FileStatus read(const snapshot::SectionEntry &entry, const int32_t *abort, uint8_t *data) const {
    return read(entry, abort, [data](uint64_t offset, size_t size, size_t) {
      return ReadTarget{data + offset, size};
    });
  }

  /// Has bytes of a section that will soon be read one by one brought from the disk together.
  void expect(const snapshot::SectionEntry &entry, uint64_t offset, size_t size) const {
    advise(entry.offset + offset, size);
  }

  /// Reads a few bytes of a section, whose checksum nobody takes. False leaves the reason in errno,
  /// 0 for an early end of the file.
  bool read_unchecked(const snapshot::SectionEntry &entry, uint64_t offset, size_t size,
                      uint8_t *data) const {
    return read_all(file_.get(), data, size, entry.offset + offset);
  }

  FileStatus corrupt(const char *what) const {
    return FileStatus::failed(FileError::corrupt, path_, what);
  }

  /// What a failed `read_unchecked` has left in errno.
  FileStatus failed(int error) const {
    if (error == 0) return corrupt("it ended early");
    errno = error;
    return FileStatus::system(path_, "read");
  }

  /// Four waits of the disk at once reach its bandwidth where one does not.
  static constexpr size_t read_threads = 4;
  /// What the disk is asked for at once; sections are read in pieces of this size.
  static constexpr size_t piece_bytes = size_t{4} << 20;

 private:
  struct Piece {
    uint64_t offset;
    size_t size;
  };
  // How reading ended: the errno of a failed read, 0 for an early end of the file, or these.
  static constexpr int whole = -1;
  static constexpr int aborted = -2;
  // What is summed while it is still in the caches.
  static constexpr size_t step_bytes = size_t{256} << 10;

  static Piece piece_of(size_t number, uint64_t bytes) {
    const uint64_t offset = uint64_t{number} * piece_bytes;
    return {offset, static_cast<size_t>(std::min<uint64_t>(bytes - offset, piece_bytes))};
  }

  // Readahead by itself is 128 KiB on most systems.
  void advise(uint64_t offset, size_t size) const {
#if defined(POSIX_FADV_WILLNEED)
    (void)::posix_fadvise(file_.get(), static_cast<off_t>(offset), static_cast<off_t>(size),
                          POSIX_FADV_WILLNEED);
#else
    (void)offset;
    (void)size;
#endif
  }

  template <typename Target>
  int read_piece(const snapshot::SectionEntry &entry, const Piece &piece, size_t thread,
                 Target &target, uint32_t &checksum) const {
    uint8_t padding[snapshot::page_bytes];
    for (uint64_t offset = piece.offset; offset < piece.offset + piece.size;) {
      const auto left = static_cast<size_t>(piece.offset + piece.size - offset);
      ReadTarget part{padding, std::min(left, sizeof padding)};
      if (offset < entry.length) {
        const size_t step =
            static_cast<size_t>(std::min<uint64_t>(entry.length - offset, step_bytes));
        part = target(offset, std::min(step, left), thread);
        make_present(part.data, part.size);
      }
      if (!read_all(file_.get(), part.data, part.size, entry.offset + offset)) return errno;
      checksum = crc32c(checksum, part.data, part.size);
      offset += part.size;
    }
    return whole;
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

  std::string path_;
  Descriptor file_;
  snapshot::Header header_;
};

#else

/// No snapshots on this platform yet.
class SnapshotFile {
 public:
  FileStatus open(const std::string &path, const std::string &, uint32_t) {
    return FileStatus::failed(FileError::unsupported, path, "no snapshots on this platform yet");
  }
  const snapshot::SectionEntry *find(uint32_t) const { return nullptr; }
  template <typename Target>
  FileStatus read(const snapshot::SectionEntry &, const int32_t *, Target,
                  ReadObserver * = nullptr) const {
    return FileStatus::failed(FileError::unsupported, "", "no snapshots on this platform yet");
  }
  void expect(const snapshot::SectionEntry &, uint64_t, size_t) const {}
  bool read_unchecked(const snapshot::SectionEntry &, uint64_t, size_t, uint8_t *) const {
    return false;
  }
  FileStatus failed(int) const { return corrupt("no snapshots on this platform yet"); }
  static constexpr size_t piece_bytes = size_t{4} << 20;
  FileStatus corrupt(const char *what) const {
    return FileStatus::failed(FileError::corrupt, "", what);
  }
};

#endif

}  // namespace annulus

#endif
