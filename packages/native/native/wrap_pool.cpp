// new Pool(threads): the worker pool as a handle for the other addons.
#include <annulus/externals.h>
#include <uv.h>

#include <system_error>

#include "pool.h"
#include "wrap.h"

namespace annulus {

namespace {

// Lifetime: no cleanup hook. The pool must outlive every task that uses it, in this addon and
// others, and each of those holds a reference; the last one to go joins the threads. This handle's
// is dropped by its finalizer, which runs after all cleanup hooks and so after all tasks have
// ended.
class PoolHandle : public Napi::ObjectWrap<PoolHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Pool",
                       {InstanceAccessor<&PoolHandle::handle>("handle"),
                        InstanceAccessor<&PoolHandle::threads>("threads"),
                        InstanceMethod<&PoolHandle::close>("close")});
  }

  explicit PoolHandle(const Napi::CallbackInfo &info) : Napi::ObjectWrap<PoolHandle>(info) {
    const Napi::Env env = info.Env();
    const double threads = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : 0;
    if (!(threads >= 1 && threads <= 256) || threads != static_cast<uint32_t>(threads)) {
      throw make_error(env, "ANNULUS_INVALID_ARGUMENT",
                       "threads must be a whole number from 1 to 256");
    }
    try {
      pool_ = Pool::create(static_cast<uint32_t>(threads), true, uv_available_parallelism());
    } catch (const std::system_error &error) {
      throw make_error(env, "ANNULUS_LIMIT",
                       std::string("the system refused to start a thread: ") + error.what());
    }
  }

  ~PoolHandle() override {
    if (pool_ != nullptr) pool_->table().release(pool_);
  }

 private:
  Napi::Value handle(const Napi::CallbackInfo &info) {
    return table_external(info.Env(), &pool_->table());
  }
  Napi::Value threads(const Napi::CallbackInfo &info) {
    return Napi::Number::New(info.Env(), pool_->table().threads(pool_));
  }
  void close(const Napi::CallbackInfo &) { pool_->close(); }

  Pool *pool_ = nullptr;
};

}  // namespace

void export_pool(Napi::Env env, Napi::Object exports) {
  exports.Set("Pool", PoolHandle::define(env));
}

}  // namespace annulus
