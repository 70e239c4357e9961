// The parts alone, against naive models.
#pragma once

#include <cstdint>

namespace annulus::uring {
void test_memory(uint64_t seed);
void test_cache_fill();
void test_short_slices();
}  // namespace annulus::uring
