// The integer kernels of each instruction set, for tests against a reference in another language.
#include <annulus/aligned.h>

#include <cstring>
#include <string>
#include <vector>

#include "kernels/int_kernels.h"
#include "wrap.h"

namespace annulus {

namespace {

// isas(): names of the instruction sets that this machine runs.
Napi::Value isas(const Napi::CallbackInfo &info) {
  Napi::Array names = Napi::Array::New(info.Env());
  for (const Isa isa : all_isas) {
    if (isa_supported(isa)) names.Set(names.Length(), isa_name(isa));
  }
  return names;
}

Isa isa_from(const std::string &name) {
  for (const Isa isa : all_isas) {
    if (isa_supported(isa) && name == isa_name(isa)) return isa;
  }
  return Isa::scalar;
}

std::vector<uint8_t> bytes_from(const Napi::Value &value) {
  const auto array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

// intKernels(isa, rows, n, query, other, part): the sums of dot (by query), pairDot, l1 and pairL1
// (by other and part), one row after the other for each.
Napi::Value int_kernels_of(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const IntKernels kernels = int_kernels(isa_from(info[0].As<Napi::String>().Utf8Value()));
  const size_t n = static_cast<size_t>(whole_number(info[2], "n", 0, max_int_length));
  const std::vector<uint8_t> codes = bytes_from(info[1]);
  const auto given = info[3].As<Napi::Int16Array>();
  const std::vector<uint8_t> other = bytes_from(info[4]);
  const std::vector<uint8_t> part = bytes_from(info[5]);
  const size_t count = n == 0 ? 1 : codes.size() / n;
  if (codes.size() != (n == 0 ? 0 : count * n) || given.ElementLength() != n || other.size() != n ||
      part.size() != n) {
    throw Napi::RangeError::New(env, "lengths do not fit");
  }
  std::vector<const uint8_t *> rows;
  for (size_t r = 0; r < count; ++r) rows.push_back(codes.data() + r * n);
  AlignedVector<uint8_t> planes(plane_bytes(n));
  const std::vector<int16_t> query(given.Data(), given.Data() + n);
  kernels.split(query.data(), n, planes.data());
  std::vector<int64_t> sums(4 * count);
  kernels.dot(rows.data(), count, planes.data(), n, &sums[0]);
  kernels.pair_dot(rows.data(), count, other.data(), n, &sums[count]);
  kernels.l1(rows.data(), count, other.data(), part.data(), n, &sums[2 * count]);
  kernels.pair_l1(rows.data(), count, other.data(), n, &sums[3 * count]);
  Napi::Float64Array result = Napi::Float64Array::New(env, sums.size());
  for (size_t i = 0; i < sums.size(); ++i) result[i] = static_cast<double>(sums[i]);
  return result;
}

}  // namespace

void export_kernels(Napi::Env env, Napi::Object exports) {
  exports.Set("isas", Napi::Function::New(env, isas, "isas"));
  exports.Set("intKernels", Napi::Function::New(env, int_kernels_of, "intKernels"));
}

}  // namespace annulus
