// An exclusive advisory lock on a file. The system drops it when the holder dies, however it dies.
#pragma once

#include <annulus/file_io.h>

#include <cstdint>
#include <string>

namespace annulus {

class FileLock {
 public:
  FileLock() = default;
  FileLock(const FileLock &) = delete;
  FileLock &operator=(const FileLock &) = delete;
  ~FileLock() { release(); }

  /// Creates the file if it is missing and locks it without waiting; `busy` when anyone else holds
  /// it, another open in this process included. The holder's process id is written into the file.
  FileStatus acquire(const std::string &path);

  /// The process id found in the file when it was busy; 0 if unknown.
  int64_t holder() const { return holder_; }

  bool held() const { return held_; }

  /// Idempotent. The file stays: removing it would let two processes lock two files of one name.
  void release();

 private:
  bool held_ = false;
  int64_t holder_ = 0;
#if defined(_WIN32)
  void *file_ = nullptr;
#else
  Descriptor file_;
#endif
};

}  // namespace annulus
