// What is left of a job between two pieces, as JavaScript holds it.
#include <annulus/externals.h>

#include "wrap_job.h"

namespace annulus::hnsw {

namespace {
constexpr uint32_t kLeftKind = 0x686e7377 + 1;  // a tag of this addon's own
}

Napi::Value left_external(Napi::Env env, Left left) {
  auto *held = new Left(std::move(left));
  napi_value external;
  const auto drop = [](napi_env, void *data, void *) { delete static_cast<Left *>(data); };
  if (napi_create_external(env, held, drop, nullptr, &external) != napi_ok) {
    delete held;
    throw Napi::Error::New(env, "could not create an external");
  }
  const napi_type_tag tag = tag_of(kLeftKind);
  napi_type_tag_object(env, external, &tag);
  return Napi::Value(env, external);
}

Napi::Promise proceed(const Napi::Value &left, const Piece &piece) {
  const Napi::Env env = left.Env();
  void *data = nullptr;
  if (!is_handle(left, kLeftKind) || napi_get_value_external(env, left, &data) != napi_ok) {
    throw Napi::TypeError::New(env, "this is not what is left of a job");
  }
  // Empty from now on: two pieces of one job at once would be in each other's way.
  Left taken = std::move(*static_cast<Left *>(data));
  if (taken.insert != nullptr) return begin_piece(env, std::move(taken.insert), piece);
  if (taken.repair != nullptr) return begin_piece(env, std::move(taken.repair), piece);
  throw Napi::TypeError::New(env, "this job goes on already");
}

}  // namespace annulus::hnsw
