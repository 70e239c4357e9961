// The kinds of code there are.
#pragma once

#include "codes.h"

namespace annulus {

/// The name users see.
const char *kind_name(CodeKind kind);

/// Whether this build can read codes of that number.
bool kind_known(uint32_t kind);

/// Empty codes from a stored codebook; null when the kind is not known or the codebook not its own.
Codes *codes_from(uint32_t kind, uint32_t dimension, uint32_t metric, const uint8_t *codebook,
                  size_t bytes);

}  // namespace annulus
