// Type-tagged externals: a handle of the wrong kind is a typed error, never a crash.
#ifndef ANNULUS_EXTERNALS_H
#define ANNULUS_EXTERNALS_H

#include <annulus/abi.h>
#include <annulus/addon.h>
#include <annulus/held.h>
#include <annulus/napi_setup.h>

#include <string>
#include <utility>

namespace annulus {

/// Type tag of an external; the upper half is the project's, the lower half the kind.
inline napi_type_tag tag_of(uint32_t kind) {
  return {0x616e6e756c757321ULL, 0x8f3a5c7e00000000ULL | kind};
}

/// Wraps a C function table for another addon. The external holds one reference, dropped by
/// `release_table` or when it is collected (a basic finalizer: it only calls `release`, which must
/// not touch JavaScript). A table without `self` is one that was released.
template <typename Table>
Napi::Value table_external(Napi::Env env, const Table *table) {
  table->retain(table->self);
  napi_value value;
  // The finalizer gets its own copy of the table, so that the producer may be gone by then.
  auto *copy = new Table(*table);
  const napi_status status = napi_create_external(
      env, copy,
      [](napi_env, void *data, void *) {
        auto *held = static_cast<Table *>(data);
        if (held->self != nullptr) held->release(held->self);
        delete held;
      },
      nullptr, &value);
  if (status != napi_ok) {
    table->release(table->self);
    delete copy;
    throw Napi::Error::New(env, "could not create an external");
  }
  const napi_type_tag tag = tag_of(table->head.kind);
  if (napi_type_tag_object(env, value, &tag) != napi_ok) {
    throw Napi::Error::New(env, "could not tag an external");
  }
  return Napi::Value(env, value);
}

/// Whether a value is an external of the given kind.
inline bool is_handle(const Napi::Value &value, uint32_t kind) {
  bool tagged = false;
  const napi_type_tag tag = tag_of(kind);
  return value.IsExternal() &&
         napi_check_object_type_tag(value.Env(), value, &tag, &tagged) == napi_ok && tagged;
}

/// Reads a table of the given kind from a value that came from JavaScript. The returned pointer is
/// valid until JavaScript runs again, which may release the handle; a longer-lived user copies the
/// table and calls `retain`. Throws TypeError when the value is anything else, `ANNULUS_CLOSED`
/// when the handle was released.
template <typename Table>
const Table *table_from(const Napi::Value &value, uint32_t kind, const char *what) {
  const Napi::Env env = value.Env();
  if (!is_handle(value, kind)) {
    throw Napi::TypeError::New(env, std::string(what) + " is not a handle of the expected kind");
  }
  void *data = nullptr;
  napi_get_value_external(env, value, &data);
  const auto *table = static_cast<const Table *>(data);
  if (table->head.magic != ANNULUS_ABI_MAGIC || table->head.kind != kind ||
      table->head.abi != ANNULUS_ABI_VERSION || table->head.struct_size < sizeof(Table)) {
    throw Napi::TypeError::New(
        env, std::string(what) + " was built against another version of @annulus/native");
  }
  if (table->self == nullptr) {
    throw make_error(env, "ANNULUS_CLOSED", std::string(what) + " is a handle that was released");
  }
  return table;
}

/// Drops the reference of a handle now rather than when it is collected; false when the value is
/// not of this kind. Whoever uses the table at the moment has retained it. Idempotent.
template <typename Table>
bool release_table(const Napi::Value &value, uint32_t kind) {
  if (!is_handle(value, kind)) return false;
  void *data = nullptr;
  napi_get_value_external(value.Env(), value, &data);
  auto *table = static_cast<Table *>(data);
  void *self = std::exchange(table->self, nullptr);
  if (self != nullptr) table->release(self);
  return true;
}

}  // namespace annulus

#endif
