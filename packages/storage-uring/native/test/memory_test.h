// What is kept in memory and why: the parts alone, against naive models.
#pragma once

#include <cstdint>

namespace annulus::uring {
void test_hot_vectors(uint64_t seed);
void test_cache_fill();
}  // namespace annulus::uring
