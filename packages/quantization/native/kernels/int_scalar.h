// The reference that every other integer kernel is tested against.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace annulus::int_scalar {

// Layout shared by the kernels that multiply 16-bit integers: the query as it is.
inline void split(const int16_t *q, size_t n, uint8_t *planes) {
  if (n > 0) std::memcpy(planes, q, n * sizeof(int16_t));
}

inline void dot(const uint8_t *const *rows, size_t count, const uint8_t *planes, size_t n,
                int64_t *out) {
  const auto *q = reinterpret_cast<const int16_t *>(planes);
  for (size_t r = 0; r < count; ++r) {
    int64_t sum = 0;
    for (size_t i = 0; i < n; ++i) sum += static_cast<int32_t>(rows[r][i]) * q[i];
    out[r] = sum;
  }
}

inline void pair_dot(const uint8_t *const *rows, size_t count, const uint8_t *row, size_t n,
                     int64_t *out) {
  for (size_t r = 0; r < count; ++r) {
    int64_t sum = 0;
    for (size_t i = 0; i < n; ++i) sum += static_cast<int32_t>(rows[r][i]) * (row[i] - 128);
    out[r] = sum;
  }
}

inline void l1(const uint8_t *const *rows, size_t count, const uint8_t *whole, const uint8_t *part,
               size_t n, int64_t *out) {
  for (size_t r = 0; r < count; ++r) {
    int64_t sum = 0;
    for (size_t i = 0; i < n; ++i) {
      const int32_t code = rows[r][i];
      sum += 256 * std::abs(code - whole[i]) - (code > whole[i] ? 2 * part[i] : 0);
    }
    out[r] = sum;
  }
}

inline void pair_l1(const uint8_t *const *rows, size_t count, const uint8_t *row, size_t n,
                    int64_t *out) {
  for (size_t r = 0; r < count; ++r) {
    int64_t sum = 0;
    for (size_t i = 0; i < n; ++i) sum += std::abs(static_cast<int32_t>(rows[r][i]) - row[i]);
    out[r] = sum;
  }
}

}  // namespace annulus::int_scalar
