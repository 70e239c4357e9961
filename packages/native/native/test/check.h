// The smallest harness that names what failed: CHECK counts, `finish` reports and gives the exit
// code.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

namespace check {

inline int failures = 0;
inline long checks = 0;

inline bool expect(bool held, const char *what, const char *file, int line,
                   const std::string &context) {
  ++checks;
  if (held) return true;
  if (++failures <= 20) {
    std::fprintf(stderr, "%s:%d: %s failed %s\n", file, line, what, context.c_str());
  }
  return false;
}

inline int finish(const char *name) {
  std::printf("%s: %ld checks, %d failed\n", name, checks, failures);
  return failures == 0 ? 0 : 1;
}

/// A directory of this test run's own, from TMPDIR.
inline std::string temporary_directory() {
  const char *base = std::getenv("TMPDIR");
  std::string path = std::string(base != nullptr ? base : "/tmp") + "/annulus-test-XXXXXX";
  if (mkdtemp(&path[0]) == nullptr) std::abort();
  return path;
}

}  // namespace check

#define CHECK(condition) check::expect((condition), #condition, __FILE__, __LINE__, "")
#define CHECK_AT(condition, context) \
  check::expect((condition), #condition, __FILE__, __LINE__, (context))
