#include "tests.h"

int main(int argc, char **argv) {
  using namespace annulus_test;
  std::vector<Test> all;
  for (const auto &part :
       {fault_guard_tests(), map_ops_tests(), reader_tests(), lifecycle_tests()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return run_all(all, argc, argv);
}
