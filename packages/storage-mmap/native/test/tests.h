// The parts of the test program.
#pragma once

#include "check.h"

namespace annulus_test {
std::vector<Test> fault_guard_tests();  // first: they fork before any thread exists
std::vector<Test> map_ops_tests();
std::vector<Test> reader_tests();
std::vector<Test> lifecycle_tests();
}  // namespace annulus_test
