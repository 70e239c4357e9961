#include "lock.h"

#include <cstdio>
#include <cstdlib>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#endif

namespace annulus {

#if defined(_WIN32)

FileStatus FileLock::acquire(const std::string &path) {
  release();
  const int length = MultiByteToWideChar(CP_UTF8, 0, path.c_str(), -1, nullptr, 0);
  std::wstring wide(static_cast<size_t>(length), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, path.c_str(), -1, &wide[0], length);
  const DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  HANDLE file = CreateFileW(wide.c_str(), GENERIC_READ | GENERIC_WRITE, share, nullptr, OPEN_ALWAYS,
                            FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) {
    const DWORD error = GetLastError();
    const FileError code = error == ERROR_ACCESS_DENIED    ? FileError::permission
                           : error == ERROR_PATH_NOT_FOUND ? FileError::not_found
                                                           : FileError::io;
    return {code, 0, path + ": CreateFile failed with error " + std::to_string(error)};
  }
  OVERLAPPED range{};
  if (LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &range) == 0) {
    CloseHandle(file);
    return FileStatus::failed(FileError::busy, path, "it is locked by another holder");
  }
  file_ = file;
  held_ = true;
  return {};
}

void FileLock::release() {
  if (held_) CloseHandle(file_);
  held_ = false;
}

#else

FileStatus FileLock::acquire(const std::string &path) {
  release();
  Descriptor file = open_file(path.c_str(), O_RDWR | O_CREAT);
  if (!file) return FileStatus::system(path, "open");
  int result;
  do {
    result = ::flock(file.get(), LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  char text[24] = {};
  if (result != 0) {
    if (errno != EWOULDBLOCK) return FileStatus::system(path, "flock");
    if (::pread(file.get(), text, sizeof text - 1, 0) > 0) holder_ = std::atoll(text);
    return FileStatus::failed(
        FileError::busy, path,
        "it is locked" + (holder_ > 0 ? " by process " + std::to_string(holder_) : std::string()));
  }
  // Only for the message above: failing to write it changes nothing.
  const int size = std::snprintf(text, sizeof text, "%lld\n", static_cast<long long>(::getpid()));
  if (::ftruncate(file.get(), 0) == 0) {
    (void)write_all(file.get(), text, static_cast<size_t>(size), 0);
  }
  file_ = std::move(file);
  held_ = true;
  return {};
}

void FileLock::release() {
  // Before closing, because a child between fork and exec may hold a copy of the descriptor.
  if (held_) (void)::flock(file_.get(), LOCK_UN);
  file_.reset();
  held_ = false;
}

#endif

}  // namespace annulus
