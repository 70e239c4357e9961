// Snapshot files: what was written comes back; anything else is refused, whatever was changed.
#include <annulus/file.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "check.h"

using namespace annulus;

namespace {

using Bytes = std::vector<uint8_t>;

Bytes contents(const std::string &path) {
  const Descriptor file = open_file(path.c_str(), O_RDONLY);
  Bytes bytes(static_cast<size_t>(::lseek(file.get(), 0, SEEK_END)));
  if (!read_all(file.get(), bytes.data(), bytes.size(), 0)) std::abort();
  return bytes;
}

void put(const std::string &path, const Bytes &bytes) {
  const Descriptor file = open_file(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC);
  if (!write_all(file.get(), bytes.data(), bytes.size(), 0)) std::abort();
}

// Sections are read as loaders read them: whole into one block, or into chunks that lie apart.
enum class Room { block, chunks };
constexpr Room rooms[] = {Room::block, Room::chunks};

struct Section {
  uint32_t id;
  Bytes bytes;
};

// Blocks and chunks are no larger than what they are for: the sanitizer sees a byte too many.
FileStatus read_section(const SnapshotFile &file, const snapshot::SectionEntry &entry, Room room,
                        const int32_t *abort, Bytes &bytes) {
  const auto length = static_cast<size_t>(entry.length);
  if (room == Room::block) {
    bytes.resize(length);
    return file.read(entry, abort, bytes.data());
  }
  constexpr size_t chunk_bytes = 1500;  // no divisor of what is read at once
  std::vector<Bytes> chunks;
  for (size_t first = 0; first < length; first += chunk_bytes) {
    chunks.emplace_back(std::min(chunk_bytes, length - first));
  }
  const FileStatus status =
      file.read(entry, abort, [&](uint64_t offset, size_t wanted, size_t thread) {
        // No room for more than the section, and several threads may be here: no CHECK.
        if (offset >= length || wanted == 0 || wanted > length - offset) std::abort();
        if (thread >= SnapshotFile::read_threads) std::abort();
        const auto within = static_cast<size_t>(offset % chunk_bytes);
        Bytes &chunk = chunks[static_cast<size_t>(offset / chunk_bytes)];
        return ReadTarget{chunk.data() + within, std::min(wanted, chunk.size() - within)};
      });
  for (const Bytes &chunk : chunks) bytes.insert(bytes.end(), chunk.begin(), chunk.end());
  return status;
}

// All sections of a file, in order.
FileStatus load(const std::string &path, const std::string &kind, uint32_t kind_version, Room room,
                std::vector<Section> *sections = nullptr, const int32_t *abort = nullptr) {
  SnapshotFile file;
  FileStatus status = file.open(path, kind, kind_version);
  if (!status.ok()) return status;
  const snapshot::Header &header = file.header();
  for (uint32_t i = 0; i < header.sections && status.ok(); ++i) {
    const snapshot::SectionEntry &entry = header.entries[i];
    CHECK(file.find(entry.id) == &entry);
    Section section{entry.id, {}};
    status = read_section(file, entry, room, abort, section.bytes);
    if (sections != nullptr) sections->push_back(std::move(section));
  }
  return status;
}

bool exists(const std::string &path) { return ::access(path.c_str(), F_OK) == 0; }

void write_small(const std::string &path) {
  SnapshotWriter writer(path, "test", 3);
  writer.begin(1);
  writer.write("hello", 5);
  writer.write(" world", 6);
  writer.begin(2);
  writer.begin(9);
  const std::vector<float> floats(1024, 2.5f);  // exactly a page
  writer.write(floats.data(), floats.size() * sizeof(float));
  writer.begin(4);
  CHECK_AT(writer.commit().ok(), writer.status().message);
}

void comes_back(const std::string &path) {
  write_small(path);
  CHECK(!exists(path + ".tmp"));
  SnapshotFile file;
  CHECK(file.open(path, "test", 3).ok() && file.find(8) == nullptr);
  for (const Room room : rooms) {
    std::vector<Section> sections;
    const FileStatus status = load(path, "test", 3, room, &sections);
    CHECK_AT(status.ok(), status.message);
    const std::string text = "hello world";
    const std::vector<float> floats(1024, 2.5f);
    const auto *bytes = reinterpret_cast<const uint8_t *>(floats.data());
    if (!CHECK(sections.size() == 4)) continue;
    CHECK(sections[0].id == 1 && sections[0].bytes == Bytes(text.begin(), text.end()));
    CHECK(sections[1].id == 2 && sections[1].bytes.empty());
    CHECK(sections[2].id == 9 && sections[2].bytes == Bytes(bytes, bytes + 4096));
    CHECK(sections[3].id == 4 && sections[3].bytes.empty());
    CHECK(load(path, "test", 4, room).code == FileError::version);
    CHECK(load(path, "tess", 3, room).code == FileError::version);
    const int32_t abort = 1;
    CHECK(load(path, "test", 3, room, nullptr, &abort).code == FileError::aborted);
  }
}

void random_sections(const std::string &path) {
  std::mt19937 random(11);
  for (int round = 0; round < 20; ++round) {
    std::vector<Bytes> sections(random() % 6);
    {
      SnapshotWriter writer(path, "random", 1);
      for (size_t s = 0; s < sections.size(); ++s) {
        writer.begin(static_cast<uint32_t>(s));
        for (int part = 0; part < 3; ++part) {
          Bytes bytes(random() % (round == 0 ? 3000000 : 9000));
          for (uint8_t &byte : bytes) byte = static_cast<uint8_t>(random());
          writer.write(bytes.data(), bytes.size());
          sections[s].insert(sections[s].end(), bytes.begin(), bytes.end());
        }
      }
      CHECK_AT(writer.commit().ok(), writer.status().message);
    }
    for (const Room room : rooms) {
      std::vector<Section> read;
      CHECK(load(path, "random", 1, room, &read).ok());
      CHECK(read.size() == sections.size());
      for (size_t s = 0; s < read.size() && s < sections.size(); ++s) {
        CHECK(read[s].id == s && read[s].bytes == sections[s]);
      }
    }
  }
}

// Every bit of the header and one bit of every other byte, padding included.
void flipped_bits(const std::string &path) {
  write_small(path);
  const Bytes good = contents(path);
  const Descriptor file = open_file(path.c_str(), O_WRONLY);
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      if (i >= 256 && bit != static_cast<int>(i % 8)) continue;
      const auto bad = static_cast<uint8_t>(good[i] ^ (1u << bit));
      CHECK(write_all(file.get(), &bad, 1, i));
      const FileStatus status = load(path, "test", 3, rooms[i % 2]);
      CHECK_AT(status.code == FileError::corrupt, "byte " + std::to_string(i));
    }
    CHECK(write_all(file.get(), &good[i], 1, i));
  }
  CHECK(load(path, "test", 3, Room::block).ok());
}

// A section that several threads read in pieces: a flipped bit in any of them, and two of them
// exchanged.
void many_pieces(const std::string &path) {
  constexpr size_t piece = size_t{4} << 20;
  Bytes bytes(3 * piece + 12345);
  std::mt19937 random(5);
  for (uint8_t &byte : bytes) byte = static_cast<uint8_t>(random());
  SnapshotWriter writer(path, "test", 3);
  writer.begin(1);
  writer.write(bytes.data(), bytes.size());
  CHECK(writer.commit().ok());
  const Bytes good = contents(path);
  for (const Room room : rooms) {
    std::vector<Section> sections;
    CHECK(load(path, "test", 3, room, &sections).ok());
    CHECK(sections.size() == 1 && sections[0].id == 1 && sections[0].bytes == bytes);
  }
  const size_t begin = snapshot::page_bytes;
  for (const size_t place : {size_t{0}, piece - 1, piece, 2 * piece + 77, bytes.size() - 1}) {
    Bytes bad = good;
    bad[begin + place] ^= 16;
    put(path, bad);
    for (const Room room : rooms) {
      CHECK(load(path, "test", 3, room).code == FileError::corrupt);
    }
  }
  Bytes exchanged = good;
  std::swap_ranges(exchanged.begin() + begin, exchanged.begin() + begin + piece,
                   exchanged.begin() + begin + 2 * piece);
  put(path, exchanged);
  CHECK(load(path, "test", 3, Room::block).code == FileError::corrupt);
}

void truncated(const std::string &path) {
  write_small(path);
  const auto size = static_cast<off_t>(contents(path).size());
  for (off_t length = size - 1; length >= 0; --length) {
    if (::truncate(path.c_str(), length) != 0) std::abort();
    const FileStatus status = load(path, "test", 3, rooms[length % 2]);
    CHECK_AT(status.code == FileError::corrupt, "length " + std::to_string(length));
  }
  write_small(path);
  if (::truncate(path.c_str(), size + 4096) != 0) std::abort();
  CHECK(load(path, "test", 3, Room::block).code == FileError::corrupt);
}

// Headers whose checksum is right and whose contents are not: a forger, or a bug in a writer.
void forged(const std::string &path) {
  write_small(path);
  const Bytes good = contents(path);
  const auto refused = [&](const char *what,
                           const std::function<void(snapshot::Header &)> &change) {
    Bytes bytes = good;
    snapshot::Header header;
    std::memcpy(&header, bytes.data(), sizeof header);
    change(header);
    header.crc32c = crc32c(0, &header, offsetof(snapshot::Header, crc32c));
    std::memcpy(bytes.data(), &header, sizeof header);
    put(path, bytes);
    for (const Room room : rooms) {
      const FileStatus status = load(path, "test", 3, room);
      CHECK_AT(status.code == FileError::corrupt, what);
    }
  };
  using H = snapshot::Header;
  refused("format", [](H &h) { h.format_version = 2; });
  refused("header bytes", [](H &h) { h.header_bytes = 512; });
  refused("endless kind", [](H &h) { std::memset(h.kind, 'x', sizeof h.kind); });
  refused("too many sections", [](H &h) { h.sections = 126; });
  refused("huge section count", [](H &h) { h.sections = 0xffffffffu; });
  refused("more sections than are there", [](H &h) { h.sections = 5; });
  refused("fewer sections than are there", [](H &h) { h.sections = 2; });
  refused("huge length", [](H &h) { h.entries[2].length = ~0ull; });
  refused("length that wraps", [](H &h) { h.entries[2].length = ~0ull - 4094; });
  refused("length past the end", [](H &h) { h.entries[2].length += 1; });
  refused("overlap", [](H &h) { h.entries[2].offset = h.entries[0].offset; });
  refused("unaligned", [](H &h) { h.entries[0].offset += 8; });
  // An empty section at the end: its padded length wraps to 0, and no byte is there to be checked.
  refused("length that wraps to nothing", [](H &h) { h.entries[3].length = ~0ull - 4094; });
  refused("same id, right checksum",
          [](H &h) { h.entries[3].id = h.entries[3].crc32c = h.entries[0].id; });
  refused("same id", [](H &h) { h.entries[2].id = h.entries[0].id; });
  refused("other id", [](H &h) { h.entries[2].id = 10; });
  refused("file length", [](H &h) { h.file_bytes += 4096; });
}

void failed_writes(const std::string &directory) {
  const std::string path = directory + "/kept";
  write_small(path);
  const Bytes before = contents(path);
  {
    SnapshotWriter writer(path, "test", 3);
    writer.begin(1);
    writer.write("half", 4);
    CHECK(exists(path + ".tmp"));
    SnapshotWriter second(path, "test", 3);
    CHECK(second.status().code == FileError::busy);
  }
  CHECK(!exists(path + ".tmp") && contents(path) == before);

  // A disk that is full, as a limit on the size of files.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit, old;
  getrlimit(RLIMIT_FSIZE, &old);
  limit = old;
  limit.rlim_cur = 1 << 20;
  setrlimit(RLIMIT_FSIZE, &limit);
  {
    SnapshotWriter writer(path, "test", 3);
    writer.begin(1);
    const Bytes large(3 << 20, 1);
    writer.write(large.data(), large.size());
    const FileStatus status = writer.commit();
    CHECK(status.code == FileError::io && status.error == EFBIG);
  }
  setrlimit(RLIMIT_FSIZE, &old);
  CHECK(!exists(path + ".tmp") && contents(path) == before);

  put(path + ".tmp", Bytes(100000, 3));  // a crash left it behind
  write_small(path);
  CHECK(contents(path) == before && !exists(path + ".tmp"));

  SnapshotWriter lost(directory + "/missing/file", "test", 1);
  lost.begin(1);
  lost.write("x", 1);
  CHECK(lost.commit().code == FileError::not_found);
  CHECK(SnapshotFile().open(directory + "/missing", "test", 1).code == FileError::not_found);
  CHECK(SnapshotFile().open(directory, "test", 1).code == FileError::corrupt);
  unlink(path.c_str());
}

void misuse(const std::string &path) {
  SnapshotWriter early(path, "test", 1);
  CHECK(!early.write("x", 1).ok() && !early.commit().ok());
  SnapshotWriter twice(path + "2", "test", 1);
  twice.begin(5);
  CHECK(!twice.begin(5).ok());
  CHECK(!SnapshotWriter(path + "3", "", 1).commit().ok());
  CHECK(!SnapshotWriter(path + "3", std::string(32, 'k'), 1).commit().ok());
  SnapshotWriter done(path + "4", "test", 1);
  CHECK(done.commit().ok());
  const Bytes after = contents(path + "4");
  CHECK(!done.commit().ok() && !done.write("x", 1).ok() && !done.begin(1).ok());
  CHECK(contents(path + "4") == after);
  unlink((path + "4").c_str());
}

}  // namespace

int main() {
  const std::string directory = check::temporary_directory();
  const std::string path = directory + "/snapshot";
  comes_back(path);
  random_sections(path);
  flipped_bits(path);
  many_pieces(path);
  truncated(path);
  forged(path);
  unlink(path.c_str());
  failed_writes(directory);
  misuse(path);
  CHECK(rmdir(directory.c_str()) == 0);
  return check::finish("snapshot");
}
