// A thread that asks for short slices gets them, and loses nothing else.
#include "../scheduling.h"

#include <sys/resource.h>

#include <cerrno>
#include <thread>

#include "fake_kernel.h"
#include "parts_test.h"

namespace annulus::uring {

void test_short_slices() {
  std::thread([] {
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), 19);
    const Scheduling before = Scheduling::current();
    errno = 0;
    const bool granted = ask_for_short_slices();
    const bool refused = errno == EPERM || errno == ENOSYS;  // by a sandbox
    const Scheduling after = Scheduling::current();
    if (granted && !before.has_slice()) broken_rule("short slices were had that are not there");
    if (!granted && before.has_slice() && !refused) broken_rule("short slices were not had");
    if (granted && after.slice_ns >= before.slice_ns) broken_rule("slices are not shorter");
    if (after.nice != 19 || after.policy != before.policy) broken_rule("the niceness was lost");
  }).join();
}

}  // namespace annulus::uring
