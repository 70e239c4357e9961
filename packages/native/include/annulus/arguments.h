// Checked arguments: what came from JavaScript as the type that is wanted, or an AnnulusError.
#ifndef ANNULUS_ARGUMENTS_H
#define ANNULUS_ARGUMENTS_H

#include <annulus/addon.h>

#include <string>

namespace annulus {

inline Napi::Error invalid_argument(Napi::Env env, const std::string &message) {
  return make_error(env, "ANNULUS_INVALID_ARGUMENT", message);
}

/// `Array` is Napi::Float32Array, Napi::Float64Array, Napi::Uint32Array, Napi::Uint8Array or
/// Napi::Int32Array.
template <typename Array>
Array typed_array(const Napi::Value &value, const char *what) {
  constexpr napi_typedarray_type wanted =
      std::is_same_v<Array, Napi::Float32Array>   ? napi_float32_array
      : std::is_same_v<Array, Napi::Float64Array> ? napi_float64_array
      : std::is_same_v<Array, Napi::Uint32Array>  ? napi_uint32_array
      : std::is_same_v<Array, Napi::Int32Array>   ? napi_int32_array
                                                  : napi_uint8_array;
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != wanted) {
    throw invalid_argument(value.Env(),
                           std::string(what) + " is not a typed array of the right type");
  }
  return value.As<Array>();
}

/// A whole number from `least` to `most`; both at most 2^53.
inline uint64_t whole_number(const Napi::Value &value, uint64_t least, uint64_t most,
                             const char *what) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most)) ||
      number != static_cast<double>(static_cast<uint64_t>(number))) {
    throw invalid_argument(value.Env(), std::string(what) + " must be a whole number from " +
                                            std::to_string(least) + " to " + std::to_string(most));
  }
  return static_cast<uint64_t>(number);
}

/// How many vectors of `dimension` floats `vectors` holds; it must hold whole ones.
inline size_t vectors_in(const Napi::Float32Array &vectors, size_t dimension) {
  if (dimension == 0 || vectors.ElementLength() % dimension != 0) {
    throw make_error(vectors.Env(), "ANNULUS_DIMENSION",
                     std::to_string(vectors.ElementLength()) + " floats are not whole vectors of " +
                         std::to_string(dimension));
  }
  return vectors.ElementLength() / dimension;
}

}  // namespace annulus

#endif
