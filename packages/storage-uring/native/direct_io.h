// Opening a file past the page cache, and what alignment its file system asks for.
#pragma once

#include <cstdint>
#include <string>

namespace annulus::uring {

/// A read-only descriptor with O_DIRECT and the alignment that offsets, lengths and buffers need,
/// or -errno; -EINVAL when the file system has no direct reads or asks for more than a page.
int open_direct(const std::string &path, uint32_t *alignment);

}  // namespace annulus::uring
