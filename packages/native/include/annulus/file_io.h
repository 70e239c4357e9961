// A file descriptor that closes itself, and whole reads and writes on it. POSIX; elsewhere every
// call fails with `unsupported`, so that derived data is rebuilt instead of loaded.
#ifndef ANNULUS_FILE_IO_H
#define ANNULUS_FILE_IO_H

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#if !defined(_WIN32)
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace annulus {

enum class FileError {
  none,
  aborted,        // the caller's flag was raised
  not_found,      // no such file
  permission,     // EACCES, EPERM, EROFS
  busy,           // somebody else is writing this file
  io,             // any other failed system call; `error` is the errno
  corrupt,        // a checksum, a length or a range is wrong
  version,        // intact, but of another kind or version
  out_of_memory,  //
  unsupported,    // not on this platform
};

/// How a file operation ended. `message` names the file and what was wrong with it.
struct FileStatus {
  FileError code = FileError::none;
  int error = 0;
  std::string message;

  bool ok() const { return code == FileError::none; }

  static FileStatus failed(FileError code, const std::string &path, const std::string &what) {
    return {code, 0, path + ": " + what};
  }

  /// For a system call that has just failed; reads errno.
  static FileStatus system(const std::string &path, const char *call) {
    const int error = errno;
    FileError code = FileError::io;
    if (error == ENOENT) code = FileError::not_found;
    if (error == EACCES || error == EPERM || error == EROFS) code = FileError::permission;
    if (error == ENOMEM) code = FileError::out_of_memory;
    return {code, error, path + ": " + call + " failed: " + std::strerror(error)};
  }
};

#if !defined(_WIN32)

/// Owns a descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor &operator=(Descriptor &&other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Descriptor() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

/// open(2) with O_CLOEXEC, repeated when a signal interrupts it.
inline Descriptor open_file(const char *path, int flags, unsigned mode = 0600) {
  int fd;
  do {
    fd = ::open(path, flags | O_CLOEXEC, static_cast<mode_t>(mode));
  } while (fd < 0 && errno == EINTR);
  return Descriptor(fd);
}

// Linux transfers at most 0x7ffff000 bytes a call; macOS refuses 2 GiB.
inline constexpr size_t transfer_bytes_max = size_t{1} << 30;

/// Writes all bytes at `offset`; false leaves the reason in errno.
inline bool write_all(int fd, const void *data, size_t size, uint64_t offset) {
  const auto *bytes = static_cast<const uint8_t *>(data);
  while (size > 0) {
    const ssize_t done =
        ::pwrite(fd, bytes, std::min(size, transfer_bytes_max), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) {
      if (done == 0) errno = EIO;
      return false;
    }
    bytes += done;
    offset += static_cast<uint64_t>(done);
    size -= static_cast<size_t>(done);
  }
  return true;
}

/// Reads all bytes at `offset`; false leaves the reason in errno, 0 for an unexpected end of file.
inline bool read_all(int fd, void *data, size_t size, uint64_t offset) {
  auto *bytes = static_cast<uint8_t *>(data);
  while (size > 0) {
    const ssize_t done =
        ::pread(fd, bytes, std::min(size, transfer_bytes_max), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) {
      if (done == 0) errno = 0;
      return false;
    }
    bytes += done;
    offset += static_cast<uint64_t>(done);
    size -= static_cast<size_t>(done);
  }
  return true;
}

/// Data and metadata to stable storage; on macOS fsync alone leaves them in the drive's cache.
inline bool sync_file(int fd) {
#if defined(__APPLE__)
  if (::fcntl(fd, F_FULLFSYNC) == 0) return true;
#endif
  int result;
  do {
    result = ::fsync(fd);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

/// Makes names created in or renamed into the directory of `path` survive power loss.
inline bool sync_directory_of(const std::string &path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "."
                                : slash == 0               ? "/"
                                                           : path.substr(0, slash);
  const Descriptor fd = open_file(directory.c_str(), O_RDONLY | O_DIRECTORY);
  return fd && sync_file(fd.get());
}

#endif

}  // namespace annulus

#endif
