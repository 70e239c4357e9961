// The least that a test program needs: checks that say where they failed, and a seed to fail again.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <vector>

#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition)) ::annulus_test::fail(__FILE__, __LINE__, #condition, nullptr); \
  } while (0)

#define CHECK_SEED(condition, seed)                                                       \
  do {                                                                                    \
    const std::string text = std::to_string(seed);                                        \
    if (!(condition)) ::annulus_test::fail(__FILE__, __LINE__, #condition, text.c_str()); \
  } while (0)

namespace annulus_test {

[[noreturn]] inline void fail(const char *file, int line, const char *condition, const char *seed) {
  std::fprintf(stderr, "%s:%d: not true: %s%s%s\n", file, line, condition, seed ? ", seed " : "",
               seed ? seed : "");
  std::abort();
}

struct Test {
  const char *name;
  void (*run)();
};

/// Runs the tests whose name contains the first argument, all without one. Returns the exit code.
inline int run_all(const std::vector<Test> &tests, int argc, char **argv) {
  int passed = 0;
  for (const Test &test : tests) {
    if (argc > 1 && std::string(test.name).find(argv[1]) == std::string::npos) continue;
    test.run();
    std::printf("ok  %s\n", test.name);
    std::fflush(stdout);
    ++passed;
  }
  std::printf("%d passed, 0 failed\n", passed);
  return passed > 0 ? 0 : 1;
}

/// Runs of a property; ANNULUS_RUNS multiplies them.
inline unsigned runs(unsigned usual) {
  const char *factor = std::getenv("ANNULUS_RUNS");
  return usual * (factor ? static_cast<unsigned>(std::atoi(factor)) : 1);
}

}  // namespace annulus_test
