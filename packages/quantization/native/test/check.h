// What a test program says before it gives up.
#pragma once

#include <cstdio>
#include <cstdlib>

inline void check(bool ok, const char *what) {
  if (ok) return;
  std::printf("not ok: %s\n", what);
  std::exit(1);
}
