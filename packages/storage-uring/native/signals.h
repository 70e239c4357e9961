// Our threads take no signals: the process's handlers run elsewhere and our waits are not cut
// short.
#pragma once

#include <csignal>

namespace annulus::uring {

inline void block_signals() {
#if !defined(_WIN32)
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
#endif
}

}  // namespace annulus::uring
