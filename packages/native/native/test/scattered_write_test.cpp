// Parts of memory in a file: each where it belongs, nothing else, and the first failure is told.
#include "../scattered_write.h"

#include <annulus/file_io.h>
#include <sys/resource.h>

#include <csignal>
#include <random>
#include <vector>

#include "check.h"

using namespace annulus;

namespace {

using Bytes = std::vector<uint8_t>;

Bytes random_bytes(std::mt19937_64 &random, size_t count) {
  Bytes bytes(count);
  for (uint8_t &byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

Bytes contents(int fd) {
  Bytes bytes(static_cast<size_t>(::lseek(fd, 0, SEEK_END)));
  if (!read_all(fd, bytes.data(), bytes.size(), 0)) std::abort();
  return bytes;
}

void put(Bytes &file, const Bytes &memory, const ScatteredPart &part, size_t bytes) {
  if (file.size() < part.position + bytes) file.resize(part.position + bytes);
  std::copy_n(memory.begin() + static_cast<ptrdiff_t>(part.offset), bytes,
              file.begin() + static_cast<ptrdiff_t>(part.position));
}

void random_parts(const std::string &path) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    const Descriptor fd = open_file(path.c_str(), O_RDWR | O_CREAT | O_TRUNC);
    Bytes model = random_bytes(random, 1 + random() % 9000);
    if (!write_all(fd.get(), model.data(), model.size(), 0)) std::abort();
    const Bytes memory = random_bytes(random, 1 + random() % 5000);
    std::vector<ScatteredPart> parts(random() % 40);
    for (ScatteredPart &part : parts) {
      part.offset = random() % (memory.size() + 1);
      part.bytes = random() % (memory.size() - part.offset + 1);
      part.position = random() % 10000;
      if (part.bytes > 0) put(model, memory, part, part.bytes);
    }
    const ScatteredOutcome outcome =
        write_scattered(fd.get(), memory.data(), parts.data(), parts.size());
    CHECK(outcome.error == 0 && outcome.cpu_ms >= 0);
    CHECK(contents(fd.get()) == model);
  }
}

// The second part is cut short by the limit, then refused; the third would fit, but is not tried.
void a_full_disk(const std::string &path) {
  const Descriptor fd = open_file(path.c_str(), O_RDWR | O_CREAT | O_TRUNC);
  const Bytes memory(3000, 9);
  const ScatteredPart parts[] = {{0, 1000, 100}, {1000, 1000, 4000}, {2000, 1000, 2000}};
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit limit{4096, before.rlim_max};
  std::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &limit);
  const ScatteredOutcome outcome = write_scattered(fd.get(), memory.data(), parts, 3);
  ::setrlimit(RLIMIT_FSIZE, &before);
  CHECK(outcome.error == EFBIG);
  Bytes expected;
  put(expected, memory, parts[0], 1000);
  put(expected, memory, parts[1], 96);
  CHECK(contents(fd.get()) == expected);
}

}  // namespace

int main() {
  const std::string path = check::temporary_directory() + "/parts";
  random_parts(path);
  a_full_disk(path);
  const ScatteredPart part{0, 1, 0};
  CHECK(write_scattered(-1, reinterpret_cast<const uint8_t *>("x"), &part, 1).error == EBADF);
  CHECK(write_scattered(-1, nullptr, nullptr, 0).error == 0);
  ::unlink(path.c_str());
  ::rmdir(path.substr(0, path.rfind('/')).c_str());
  return check::finish("scattered_write");
}
