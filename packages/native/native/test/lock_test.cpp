// The file lock: against the same process, another process, and one that is killed.
#include "../lock.h"

#include <sys/wait.h>
#include <csignal>

#include "check.h"

using namespace annulus;

namespace {

void same_process(const std::string &path) {
  FileLock first, second;
  CHECK(first.acquire(path).ok() && first.held());
  const FileStatus refused = second.acquire(path);
  CHECK(refused.code == FileError::busy && !second.held());
  CHECK(second.holder() == getpid());
  first.release();
  first.release();
  CHECK(second.acquire(path).ok());
}

void killed_holder(const std::string &path) {
  int ready[2];
  if (pipe(ready) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    FileLock lock;
    const char held = lock.acquire(path).ok() ? 'y' : 'n';
    if (write(ready[1], &held, 1) != 1) _exit(1);
    for (;;) pause();
  }
  char held = 0;
  CHECK(read(ready[0], &held, 1) == 1 && held == 'y');
  FileLock lock;
  CHECK(lock.acquire(path).code == FileError::busy);
  CHECK(lock.holder() == child);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  CHECK(lock.acquire(path).ok());
  close(ready[0]);
  close(ready[1]);
}

}  // namespace

int main() {
  const std::string directory = check::temporary_directory();
  same_process(directory + "/lock");
  killed_holder(directory + "/lock");
  FileLock lock;
  CHECK(lock.acquire(directory + "/missing/lock").code == FileError::not_found);
  CHECK(lock.acquire(directory).code == FileError::io);
  unlink((directory + "/lock").c_str());
  CHECK(rmdir(directory.c_str()) == 0);
  return check::finish("lock");
}
