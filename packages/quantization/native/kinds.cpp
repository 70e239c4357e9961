#include "kinds.h"

#include "binary_codes.h"
#include "flat_codes.h"
#include "product_codes.h"
#include "rotated_codes.h"
#include "scalar_codes.h"

namespace annulus {

const char *kind_name(CodeKind kind) {
  switch (kind) {
    case CodeKind::none:
      return "none";
    case CodeKind::scalar:
      return "scalar";
    case CodeKind::product:
      return "product";
    case CodeKind::binary:
      return "binary";
    case CodeKind::rotated:
      return "rotated";
  }
  return "unknown";
}

bool kind_known(uint32_t kind) { return kind <= static_cast<uint32_t>(CodeKind::rotated); }

Codes *codes_from(uint32_t kind, uint32_t dimension, uint32_t metric, const uint8_t *codebook,
                  size_t bytes) {
  switch (static_cast<CodeKind>(kind)) {
    case CodeKind::none:
      return FlatCodes::load(dimension, metric, codebook, bytes);
    case CodeKind::scalar:
      return ScalarCodes::load(dimension, metric, codebook, bytes);
    case CodeKind::product:
      return ProductCodes::load(dimension, metric, codebook, bytes);
    case CodeKind::binary:
      return BinaryCodes::load(dimension, metric, codebook, bytes);
    case CodeKind::rotated:
      return RotatedCodes::load(dimension, metric, codebook, bytes);
    default:
      return nullptr;
  }
}

}  // namespace annulus
