// Writes a snapshot file: a temporary file in the same directory, synced, then renamed over the
// target, so that a reader finds the old file or the new one and never a part.
#ifndef ANNULUS_SNAPSHOT_WRITER_H
#define ANNULUS_SNAPSHOT_WRITER_H

#include <annulus/aligned.h>
#include <annulus/crc32c.h>
#include <annulus/file_io.h>
#include <annulus/snapshot_format.h>

#include <cstdio>
#include <cstring>
#include <string>

namespace annulus {

/// Use: `begin(id)`, `write(...)` as often as needed, the next `begin`, at last `commit()`. The
/// first failure sticks: later calls do nothing and return it. Destroyed without a commit, it
/// leaves the target as it was and removes the temporary file. One thread; may throw std::bad_alloc
/// only when constructed.
class SnapshotWriter {
 public:
  /// @param kind at most 31 characters; @param kind_version of what the sections hold.
  SnapshotWriter(std::string path, const std::string &kind, uint32_t kind_version)
      : path_(std::move(path)), temporary_(path_ + ".tmp") {
    std::memcpy(header_.magic, snapshot::magic, sizeof snapshot::magic);
    header_.format_version = snapshot::format_version;
    header_.header_bytes = snapshot::page_bytes;
    header_.kind_version = kind_version;
    if (kind.empty() || kind.size() >= snapshot::kind_bytes) {
      status_ =
          FileStatus::failed(FileError::version, path_, "the kind must have 1 to 31 characters");
      return;
    }
    std::memcpy(header_.kind, kind.data(), kind.size());
    buffer_.resize(buffer_bytes);
    open();
  }
  SnapshotWriter(const SnapshotWriter &) = delete;
  SnapshotWriter &operator=(const SnapshotWriter &) = delete;

  ~SnapshotWriter() {
#if !defined(_WIN32)
    if (file_ && !committed_) ::unlink(temporary_.c_str());
#endif
  }

  /// Starts the section `id` (unique in the file) and ends the one before.
  const FileStatus &begin(uint32_t id) {
    if (committed_) return fail("it was committed already");
    end();
    if (!status_.ok()) return status_;
    for (uint32_t i = 0; i < header_.sections; ++i) {
      if (header_.entries[i].id == id) return fail("a section id is used twice");
    }
    if (header_.sections == snapshot::sections_max) return fail("too many sections");
    header_.entries[header_.sections++] = {id, id, offset_ + filled_, 0, 0};
    return status_;
  }

  /// Appends to the current section.
  const FileStatus &write(const void *data, size_t size) {
    if (!status_.ok()) return status_;
    if (header_.sections == 0 || committed_) return fail("write came before begin or after commit");
    append(data, size);
    header_.entries[header_.sections - 1].length += size;
    return status_;
  }

  /// Syncs and puts the file in place; once this returns ok it survives power loss.
  const FileStatus &commit() {
    if (committed_) return fail("it was committed already");
    end();
    flush();
    if (!status_.ok()) return status_;
    header_.file_bytes = offset_;
    header_.crc32c = crc32c(0, &header_, offsetof(snapshot::Header, crc32c));
    publish();
    return status_;
  }

  const FileStatus &status() const { return status_; }

 private:
  static constexpr size_t buffer_bytes = size_t{1} << 20;

  const FileStatus &fail(const char *what) {
    return status_ = FileStatus::failed(FileError::io, path_, what);
  }
  const FileStatus &fail_call(const char *call) {
    return status_ = FileStatus::system(temporary_, call);
  }

  // Pads the current section; the padding is under its checksum.
  void end() {
    if (!status_.ok() || header_.sections == 0) return;
    static constexpr uint8_t zeros[snapshot::page_bytes] = {};
    append(zeros, snapshot::padding_of(header_.entries[header_.sections - 1].length));
  }

  void append(const void *data, size_t size) {
    const auto *bytes = static_cast<const uint8_t *>(data);
    snapshot::SectionEntry &section = header_.entries[header_.sections - 1];
    while (size > 0 && status_.ok()) {
      const size_t part = std::min(size, buffer_bytes - filled_);
      std::memcpy(buffer_.data() + filled_, bytes, part);
      section.crc32c = crc32c(section.crc32c, bytes, part);
      filled_ += part;
      bytes += part;
      size -= part;
      if (filled_ == buffer_bytes) flush();
    }
  }

#if defined(_WIN32)
  void open() {
    status_ =
        FileStatus::failed(FileError::unsupported, path_, "no snapshots on this platform yet");
  }
  void flush() {}
  void publish() {}
#else
  // The lock keeps two writers apart; a file that a crash left behind is taken over. The inode
  // check is for a writer that renamed its file away between our open and our lock.
  void open() {
    for (int attempt = 0; attempt < 3; ++attempt) {
      file_ = open_file(temporary_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW);
      if (!file_) {
        fail_call("open");
        return;
      }
      if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
        file_.reset();  // not ours to remove
        status_ = FileStatus::failed(FileError::busy, temporary_, "somebody else is writing it");
        return;
      }
      struct stat opened, named;
      if (::fstat(file_.get(), &opened) == 0 && ::lstat(temporary_.c_str(), &named) == 0 &&
          opened.st_ino == named.st_ino && opened.st_dev == named.st_dev) {
        if (::ftruncate(file_.get(), 0) != 0) fail_call("ftruncate");
        return;
      }
      file_.reset();
    }
    status_ = FileStatus::failed(FileError::busy, temporary_, "somebody else keeps replacing it");
  }

  void flush() {
    if (!status_.ok() || filled_ == 0) return;
    if (!write_all(file_.get(), buffer_.data(), filled_, offset_)) {
      fail_call("write");
      return;
    }
    offset_ += filled_;
    filled_ = 0;
  }

  void publish() {
    const int fd = file_.get();
    if (!write_all(fd, &header_, sizeof header_, 0)) {
      fail_call("write");
    } else if (!sync_file(fd)) {
      fail_call("fsync");
    } else if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
      fail_call("rename");
    } else {
      committed_ = true;
      if (!sync_directory_of(path_)) status_ = FileStatus::system(path_, "fsync of its directory");
    }
  }
#endif

  std::string path_;
  std::string temporary_;
  FileStatus status_;
  snapshot::Header header_{};
  AlignedVector<uint8_t> buffer_;
  size_t filled_ = 0;
  uint64_t offset_ = snapshot::page_bytes;  // where the buffer goes
  bool committed_ = false;
#if !defined(_WIN32)
  Descriptor file_;
#endif
};

}  // namespace annulus

#endif
