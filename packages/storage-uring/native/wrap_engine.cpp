// new Engine({ layout, direct, queueDepth, … }): the engine as promises, and as a table for other
// addons.
//
// Lifetime: from construction to the end of `close`, or of the environment, the wrap keeps itself,
// its engine and the checksums of every segment, which are JavaScript memory that the ring thread
// reads.
#include "wrap.h"

#if !defined(_WIN32)

#include <annulus/externals.h>

#include <cmath>
#include <vector>

#include "wrap_tasks.h"

namespace annulus::uring {

namespace {

template <typename Array>
Array typed_array(const Napi::Value &value, napi_typedarray_type type, const char *what) {
  if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type) {
    return value.As<Array>();
  }
  throw Napi::TypeError::New(value.Env(), std::string(what) + " is not a typed array of its type");
}

Napi::Uint32Array slots_of(const Napi::Value &value) {
  return typed_array<Napi::Uint32Array>(value, napi_uint32_array, "slots");
}

Napi::Float32Array floats_of(const Napi::Value &value, size_t length, const char *what) {
  auto floats = typed_array<Napi::Float32Array>(value, napi_float32_array, what);
  if (floats.ElementLength() == length) return floats;
  throw Napi::RangeError::New(value.Env(), std::string(what) + " has the wrong length");
}

uint64_t slot_count_of(const Napi::Value &value) {
  const double count = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (count >= 0 && count <= 4294967296.0 && count == std::floor(count)) {
    return static_cast<uint64_t>(count);
  }
  throw Napi::RangeError::New(value.Env(), "a number of slots is out of range");
}

Layout layout_of(const Napi::Object &options) {
  Layout layout{};
  layout.dimension = integer_of(options, "dimension", 1, 1u << 20);
  layout.vector_bytes = uint64_t{layout.dimension} * sizeof(float);
  layout.stride = integer_of(options, "stride", 4, 1u << 30);
  layout.header_bytes = integer_of(options, "headerBytes", 0, 1u << 30);
  layout.slots_per_segment = integer_of(options, "slotsPerSegment", 1, 1u << 30);
  layout.segment_bytes = integer_of(options, "segmentBytes", 1, 1u << 30);
  const uint64_t needed = layout.header_bytes + layout.slots_per_segment * layout.stride;
  if (layout.stride < layout.vector_bytes || layout.stride % sizeof(float) != 0 ||
      layout.header_bytes % sizeof(float) != 0 || layout.segment_bytes < needed) {
    throw Napi::RangeError::New(options.Env(), "the layout contradicts itself");
  }
  return layout;
}

EngineOptions options_of(const Napi::Object &given) {
  EngineOptions options;
  options.layout = layout_of(given);
  options.direct = static_cast<Direct>(integer_of(given, "direct", 0, 2));
  options.fit = given.Get("fit").ToBoolean();
  options.cache_bytes = integer_of(given, "cacheMiB", 0, 1u << 20) * (uint64_t{1} << 20);
  options.queue_depth = integer_of(given, "queueDepth", 1, 4096);
  options.fallback_threads = integer_of(given, "fallbackThreads", 1, 256);
  options.merge_gap = integer_of(given, "mergeGap", 0, 1u << 20);
  options.join_reads = given.Get("joinReads").ToBoolean();
  options.ring.taskrun = given.Get("taskrun").ToBoolean();
  options.ring.registered_files = given.Get("registeredFiles").ToBoolean();
  options.ring.registered_buffers = given.Get("registeredBuffers").ToBoolean();
  return options;
}

class EngineWrap : public Napi::ObjectWrap<EngineWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Engine",
        {InstanceMethod<&EngineWrap::start>("start"),
         InstanceMethod<&EngineWrap::add_segment>("addSegment"),
         InstanceMethod<&EngineWrap::set_slots>("setSlots"),
         InstanceMethod<&EngineWrap::expect_fit>("expectFit"),
         InstanceMethod<&EngineWrap::begin_rewrite>("beginRewrite"),
         InstanceMethod<&EngineWrap::end_rewrite>("endRewrite"),
         InstanceMethod<&EngineWrap::read>("read"), InstanceMethod<&EngineWrap::score>("score"),
         InstanceMethod<&EngineWrap::table>("table"), InstanceMethod<&EngineWrap::stats>("stats"),
         InstanceMethod<&EngineWrap::close>("close")});
  }

  explicit EngineWrap(const Napi::CallbackInfo &info) : Napi::ObjectWrap<EngineWrap>(info) {
    env_ = info.Env();
    if (!info[0].IsObject()) throw Napi::TypeError::New(env_, "the options must be an object");
    const auto given = info[0].As<Napi::Object>();
    const EngineOptions options = options_of(given);
    engine_ = Engine::create(options, ring_ops_of(given), system_map_ops());
    napi_add_env_cleanup_hook(env_, &EngineWrap::on_cleanup, this);
    hooked_ = true;
    Ref();
  }

  ~EngineWrap() override {
    if (hooked_) napi_remove_env_cleanup_hook(env_, &EngineWrap::on_cleanup, this);
    if (engine_ == nullptr) return;  // the constructor threw
    engine_->close();
    engine_->release();
  }

 private:
  // The environment ends: no thread may look at its memory after this returns. Tasks of requests
  // finish here, before their settler, whose hook is older, waits for them.
  static void on_cleanup(void *data) {
    auto *self = static_cast<EngineWrap *>(data);
    self->hooked_ = false;
    self->engine_->stop();
    self->engine_->close();
  }

  Settler &settler() { return addon_data(env_).settler; }

  void check_open(const char *what) {
    if (closing_) throw status_error(env_, ANNULUS_CLOSED, what);
  }

  Napi::Value start(const Napi::CallbackInfo &) {
    check_open("start");
    return BlockingTask::run(settler(), std::make_unique<StartTask>(env_, engine_));
  }

  Napi::Value add_segment(const Napi::CallbackInfo &info) {
    check_open("addSegment");
    const double number = info[0].ToNumber().DoubleValue();
    if (!(number >= 0 && number < 4294967296.0)) {
      throw Napi::RangeError::New(env_, "segment numbers are 32-bit");
    }
    const std::string path = info[1].ToString().Utf8Value();
    const auto sums = typed_array<Napi::Uint32Array>(info[2], napi_uint32_array, "checksums");
    if (sums.ElementLength() < engine_->segments().layout().slots_per_segment) {
      throw Napi::RangeError::New(env_, "the checksums are too short");
    }
    kept_.push_back(Napi::Persistent(sums.As<Napi::Object>()));
    return BlockingTask::run(
        settler(), std::make_unique<AddSegmentTask>(env_, engine_, static_cast<uint32_t>(number),
                                                    path, sums.Data()));
  }

  void set_slots(const Napi::CallbackInfo &info) { engine_->set_slots(slot_count_of(info[0])); }

  void expect_fit(const Napi::CallbackInfo &info) { engine_->expect_fit(info[0].ToBoolean()); }

  void begin_rewrite(const Napi::CallbackInfo &info) {
    const Napi::Uint32Array slots = slots_of(info[0]);
    if (slots.ElementLength() == 0) throw Napi::RangeError::New(env_, "no slots are rewritten");
    engine_->begin_rewrite(slots.Data(), slots.ElementLength());
  }
  void end_rewrite(const Napi::CallbackInfo &) { engine_->end_rewrite(); }

  Napi::Value read(const Napi::CallbackInfo &info) {
    const Napi::Uint32Array slots = slots_of(info[0]);
    const size_t floats = slots.ElementLength() * engine_->reader().dimension;
    const auto out = floats_of(info[1], floats, "out");
    return submit(std::make_unique<RequestTask>(env_, settler(), slots, out), info[2]);
  }

  Napi::Value score(const Napi::CallbackInfo &info) {
    const auto query = floats_of(info[0], engine_->reader().dimension, "query");
    const Napi::Uint32Array slots = slots_of(info[1]);
    const uint32_t metric = info[2].IsNumber() ? info[2].As<Napi::Number>().Uint32Value() : ~0u;
    if (metric > ANNULUS_METRIC_MANHATTAN) throw Napi::RangeError::New(env_, "unknown metric");
    const auto out = floats_of(info[3], slots.ElementLength(), "out");
    auto task = std::make_unique<RequestTask>(env_, settler(), slots, out);
    task->set_query(query, metric);
    return submit(std::move(task), info[4]);
  }

  Napi::Value submit(std::unique_ptr<RequestTask> owned, const Napi::Value &abort) {
    owned->watch(abort);
    RequestTask *task = settler().begin(std::move(owned));
    task->request.abort = task->abort_flag();
    const Napi::Promise promise = task->promise();
    engine_->submit(&task->request);
    return promise;
  }

  Napi::Value table(const Napi::CallbackInfo &) { return table_external(env_, &engine_->reader()); }

  Napi::Value stats(const Napi::CallbackInfo &) {
    const Counters &counters = engine_->counters();
    Napi::Object result = Napi::Object::New(env_);
    const auto set = [&result, this](const char *name, const Counters::Counter &counter) {
      const auto value = static_cast<double>(counter.load(std::memory_order_relaxed));
      result.Set(name, Napi::Number::New(env_, value));
    };
    // A vector served from memory by the caller's thread is one read, too.
    const auto hot = static_cast<double>(engine_->cache().hot_hits());
    const auto hits = static_cast<double>(engine_->cache().cache_hits()) + hot;
    const auto add = [&result, this, hits](const char *name, const Counters::Counter &counter,
                                           double each) {
      const auto value = static_cast<double>(counter.load(std::memory_order_relaxed));
      result.Set(name, Napi::Number::New(env_, value + each * hits));
    };
    add("reads", counters.reads, 1);
    add("readBytes", counters.read_bytes,
        static_cast<double>(engine_->segments().layout().vector_bytes));
    add("vectors", counters.vectors, 1);
    result.Set("residentHits", Napi::Number::New(env_, hits));
    result.Set("hotHits", Napi::Number::New(env_, hot));
    result.Set("readAheadBytes",
               Napi::Number::New(env_, static_cast<double>(engine_->fill().bytes())));
    set("joined", counters.joined);
    set("resumed", counters.resumed);
    set("errors", counters.errors);
    set("inFlight", counters.in_flight);
    set("inFlightMax", counters.in_flight_max);
    set("systemCalls", counters.system_calls);
    result.Set("direct", engine_->direct());
    result.Set("brokenErrno", engine_->broken());
    return result;
  }

  Napi::Value close(const Napi::CallbackInfo &) {
    check_open("close");
    closing_ = true;
    const auto closed = [](void *self) { static_cast<EngineWrap *>(self)->let_go(); };
    return BlockingTask::run(settler(), std::make_unique<CloseTask>(env_, engine_, closed, this));
  }

  // The ring thread has ended: nothing reads the checksums any more.
  void let_go() {
    kept_.clear();
    Unref();
  }

  Napi::Env env_{nullptr};
  Engine *engine_ = nullptr;
  std::vector<Napi::ObjectReference> kept_;
  bool hooked_ = false;
  bool closing_ = false;
};

}  // namespace

void export_engine(Napi::Env env, Napi::Object exports) {
  exports.Set("Engine", EngineWrap::define(env));
}

}  // namespace annulus::uring

#else

namespace annulus::uring {
void export_engine(Napi::Env, Napi::Object) {}  // probe says why; positional reads need POSIX
}  // namespace annulus::uring

#endif
