// createPool({ threads }): the worker pool as a handle for the other addons.
#include <annulus/externals.h>

#include "pool.h"
#include "wrap.h"

namespace annulus {

namespace {

class PoolHandle : public Napi::ObjectWrap<PoolHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Pool",
                       {InstanceAccessor<&PoolHandle::handle>("handle"),
                        InstanceAccessor<&PoolHandle::threads>("threads"),
                        InstanceMethod<&PoolHandle::close>("close")});
  }

  explicit PoolHandle(const Napi::CallbackInfo &info) : Napi::ObjectWrap<PoolHandle>(info) {
    const double threads = info[0].ToNumber().DoubleValue();
    if (!(threads >= 1 && threads <= 256)) {
      throw Napi::RangeError::New(info.Env(), "threads must be between 1 and 256");
    }
    pool_ = Pool::create(static_cast<uint32_t>(threads));
    napi_add_env_cleanup_hook(info.Env(), &PoolHandle::on_cleanup, pool_);
    env_ = info.Env();
  }

  ~PoolHandle() override {
    napi_remove_env_cleanup_hook(env_, &PoolHandle::on_cleanup, pool_);
    pool_->table().release(pool_);
  }

 private:
  // Joins before the environment's memory goes; the handle itself is finalized later.
  static void on_cleanup(void *pool) { static_cast<Pool *>(pool)->close(); }

  Napi::Value handle(const Napi::CallbackInfo &info) {
    return table_external(info.Env(), &pool_->table());
  }
  Napi::Value threads(const Napi::CallbackInfo &info) {
    return Napi::Number::New(info.Env(), pool_->table().threads(pool_));
  }
  void close(const Napi::CallbackInfo &) { pool_->close(); }

  Pool *pool_ = nullptr;
  napi_env env_ = nullptr;
};

}  // namespace

void export_pool(Napi::Env env, Napi::Object exports) { exports.Set("Pool", PoolHandle::define(env)); }

}  // namespace annulus
