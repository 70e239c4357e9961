// A snapshot file made up by a fuzzer, with the checksums right unless it wants them wrong: what is
// under test is what comes after them.
#pragma once

#include <annulus/crc32c.h>
#include <annulus/snapshot_format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace annulus::fuzz {

/// The input, taken bit by bit; zeros when it has ended.
class Input {
 public:
  Input(const uint8_t *data, size_t size) : data_(data), size_(size) {}

  uint8_t byte() { return at_ < size_ ? data_[at_++] : 0; }
  uint32_t word() {
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | byte();
    return value;
  }
  bool one_in(uint8_t n) { return byte() % n == n - 1; }
  std::vector<uint8_t> bytes(size_t n) {
    std::vector<uint8_t> taken(n);
    const size_t given = std::min(n, left());
    if (given > 0) std::memcpy(taken.data(), data_ + at_, given);
    at_ += given;
    return taken;
  }
  size_t left() const { return size_ - at_; }

 private:
  const uint8_t *data_;
  size_t size_;
  size_t at_ = 0;
};

class Image {
 public:
  Image(const char *kind, uint32_t kind_version) : bytes_(snapshot::page_bytes) {
    snapshot::Header &header = this->header();
    std::memcpy(header.magic, snapshot::magic, sizeof snapshot::magic);
    header.format_version = snapshot::format_version;
    header.header_bytes = snapshot::page_bytes;
    std::strncpy(header.kind, kind, snapshot::kind_bytes - 1);
    header.kind_version = kind_version;
  }

  snapshot::Header &header() { return *reinterpret_cast<snapshot::Header *>(bytes_.data()); }

  void add(uint32_t id, const void *data, size_t length) {
    const size_t offset = bytes_.size();
    bytes_.resize(offset + length + snapshot::padding_of(length));
    if (length > 0) std::memcpy(bytes_.data() + offset, data, length);
    header().entries[header().sections++] = {
        id, crc32c(id, bytes_.data() + offset, bytes_.size() - offset), offset, length, 0};
  }

  /// Writes the file and returns its path.
  const std::string &store(Input &input) {
    header().file_bytes = bytes_.size();
    // Now and then any four bytes of the header are any others.
    if (input.one_in(16)) {
      const uint32_t word = input.word();
      std::memcpy(bytes_.data() + (input.word() % 1023) * 4, &word, sizeof word);
    }
    header().crc32c = crc32c(0, bytes_.data(), offsetof(snapshot::Header, crc32c));
    static const int file = memfd_create("snapshot", 0);
    static const std::string path = "/proc/self/fd/" + std::to_string(file);
    if (pwrite(file, bytes_.data(), bytes_.size(), 0) != static_cast<ssize_t>(bytes_.size()) ||
        ftruncate(file, static_cast<off_t>(bytes_.size())) != 0) {
      std::abort();
    }
    return path;
  }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace annulus::fuzz
