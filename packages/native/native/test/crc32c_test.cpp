// CRC-32C at every level of this machine: published values, a bitwise reference, chaining.
#include <annulus/crc32c.h>

#include <random>
#include <vector>

#include "../vectors.h"
#include "check.h"

using namespace annulus;

namespace {

uint32_t bitwise(uint32_t crc, const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
  }
  return crc;
}

std::vector<std::pair<const char *, Crc32cUpdate>> updates() {
  std::vector<std::pair<const char *, Crc32cUpdate>> all = {{"table", crc32c_table}};
#if defined(ANNULUS_X86) && defined(__x86_64__)
  if (crc32c_sse42_supported()) all.push_back({"sse42", crc32c_sse42});
  if (crc32c_fold_supported()) all.push_back({"fold", crc32c_fold});
#elif defined(ANNULUS_CRC_ON_ARM)
  if (crc32c_arm_supported()) all.push_back({"arm", crc32c_arm});
#endif
  return all;
}

// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
void published_values(Crc32cUpdate update, const char *name) {
  std::vector<uint8_t> bytes(32, 0);
  const auto crc = [&] { return ~update(~0u, bytes.data(), bytes.size()); };
  CHECK_AT(crc() == 0x8a9136aau, name);
  bytes.assign(32, 0xff);
  CHECK_AT(crc() == 0x62a8ab43u, name);
  for (uint8_t i = 0; i < 32; ++i) bytes[i] = i;
  CHECK_AT(crc() == 0x46dd794eu, name);
  for (uint8_t i = 0; i < 32; ++i) bytes[i] = static_cast<uint8_t>(31 - i);
  CHECK_AT(crc() == 0x113fdb5cu, name);
  CHECK_AT(~update(~0u, reinterpret_cast<const uint8_t *>("123456789"), 9) == 0xe3069283u, name);
}

void against_bitwise(Crc32cUpdate update, const char *name) {
  std::mt19937 random(7);
  std::vector<uint8_t> bytes(20000);
  for (uint8_t &byte : bytes) byte = static_cast<uint8_t>(random());
  for (size_t size = 0; size <= 4400; ++size) {
    const auto seed = static_cast<uint32_t>(random());
    const uint8_t *start = bytes.data() + size % 17;
    CHECK_AT(update(seed, start, size) == bitwise(seed, start, size),
             std::string(name) + " size " + std::to_string(size));
  }
  for (const size_t size : {6144, 8191, 12289, 19999}) {
    CHECK_AT(update(1, bytes.data(), size) == bitwise(1, bytes.data(), size), name);
  }
}

void seeds() {
  const char text[] = "the checksum of a vector is seeded with its slot";
  const size_t size = sizeof text - 1;
  for (size_t cut = 0; cut <= size; ++cut) {
    CHECK(crc32c(crc32c(0, text, cut), text + cut, size - cut) == crc32c(0, text, size));
  }
  CHECK(crc32c(1, text, size) != crc32c(2, text, size));
  for (size_t cut = 0; cut <= size; ++cut) {
    const uint32_t first = crc32c(5, text, cut);
    const uint32_t second = crc32c(0, text + cut, size - cut);
    CHECK(crc32c_joined(first, second, size - cut) == crc32c(5, text, size));
  }
  const std::vector<uint8_t> many(3000001, 0xa5);
  const size_t half = 1000003;
  CHECK(crc32c_joined(crc32c(9, many.data(), half),
                      crc32c(0, many.data() + half, many.size() - half),
                      many.size() - half) == crc32c(9, many.data(), many.size()));
  CHECK(crc32c(77, text, 0) == 77);
}

void vectors() {
  std::vector<float> v(5 * 33);
  for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(i) * 0.5f;
  const uint32_t slots[5] = {1000, 7, 8, 0xffffffff, 0};
  uint32_t sums[5];
  checksum_vectors(v.data(), 5, 33, slots, sums);
  for (uint32_t i = 0; i < 5; ++i) {
    CHECK(sums[i] == crc32c(slots[i], v.data() + i * 33, 33 * sizeof(float)));
  }
}

}  // namespace

int main() {
  for (const auto &[name, update] : updates()) {
    published_values(update, name);
    against_bitwise(update, name);
    std::printf("crc32c: %s\n", name);
  }
  seeds();
  vectors();
  return check::finish("crc32c");
}
