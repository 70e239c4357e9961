// new Reader({ dimension, stride, headerBytes, slotsPerSegment, segmentBytes, threads, prefetch }):
// the reader of mapped segments as promises, and as a table for other addons.
//
// Lifetime: a mapping arrives as a JavaScript buffer, which the collector unmaps, and which Node
// unmaps at the end of the environment before any cleanup hook could stop a read. So the reader
// maps the pages once more and the buffer is not kept. The checksums are JavaScript memory that
// goes after the hooks; they, and the wrap, are kept until closed.
#include <annulus/externals.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "mmap_reader.h"
#include "wrap.h"

namespace annulus {

namespace {

class ReadTask : public Task {
 public:
  ReadTask(Napi::Env env, const char *what, const Napi::Uint32Array &slots)
      : Task(env), what_(what), slots_(slots.Data(), slots.Data() + slots.ElementLength()) {
    request.slots = slots_.data();
    request.n = slots_.size();
    request.done = &ReadTask::done;
    request.ctx = this;
  }

  void set_query(const Napi::Float32Array &query, uint32_t metric) {
    query_.assign(query.Data(), query.Data() + query.ElementLength());
    request.query = query_.data();
    request.metric = metric;
  }

  void set_out(Napi::Float32Array out) {
    keep(out);
    request.out = out.Data();
  }

  void settle(Napi::Env env) override {
    if (request.status != ANNULUS_OK) {
      throw status_error(env, request.status, what_, request.detail, request.slot);
    }
    deferred().Resolve(env.Undefined());
  }

  annulus_score_request request{};
  Settler *settler = nullptr;

 private:
  static void done(annulus_score_request *request) {
    auto *task = static_cast<ReadTask *>(request->ctx);
    task->settler->finish(task);
  }

  const char *what_;
  const std::vector<uint32_t> slots_;
  std::vector<float> query_;
};

uint32_t integer_of(const Napi::Object &options, const char *name, uint32_t min, uint32_t max) {
  const Napi::Value value = options.Get(name);
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (number >= min && number <= max && number == std::floor(number)) {
    return static_cast<uint32_t>(number);
  }
  throw Napi::RangeError::New(options.Env(), std::string(name) + " is out of range");
}

template <typename Array>
Array typed_array(const Napi::Value &value, napi_typedarray_type type, const char *what) {
  if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type) {
    return value.As<Array>();
  }
  throw Napi::TypeError::New(value.Env(), std::string(what) + " is not a typed array of its type");
}

Napi::Float32Array floats_of(const Napi::Value &value, size_t length, const char *what) {
  auto floats = typed_array<Napi::Float32Array>(value, napi_float32_array, what);
  if (floats.ElementLength() != length) {
    throw Napi::RangeError::New(value.Env(), std::string(what) + " has the wrong length");
  }
  return floats;
}

MapLayout layout_of(const Napi::Object &options) {
  MapLayout layout{};
  layout.dimension = integer_of(options, "dimension", 1, 1u << 20);
  layout.stride = integer_of(options, "stride", 4, 1u << 30);
  layout.header_bytes = integer_of(options, "headerBytes", 0, 1u << 30);
  layout.slots_per_segment = integer_of(options, "slotsPerSegment", 1, 1u << 30);
  layout.segment_bytes = integer_of(options, "segmentBytes", 1, 1u << 30);
  const uint64_t needed = layout.header_bytes + layout.slots_per_segment * layout.stride;
  if (layout.stride < layout.vector_bytes() || layout.stride % sizeof(float) != 0 ||
      layout.header_bytes % sizeof(float) != 0 || layout.segment_bytes < needed) {
    throw Napi::RangeError::New(options.Env(), "the layout contradicts itself");
  }
  return layout;
}

class Reader : public Napi::ObjectWrap<Reader> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Reader",
        {InstanceMethod<&Reader::add_segment>("addSegment"),
         InstanceMethod<&Reader::publish>("publish"), InstanceMethod<&Reader::score>("score"),
         InstanceMethod<&Reader::read>("read"), InstanceMethod<&Reader::table>("table"),
         InstanceMethod<&Reader::stats>("stats"), InstanceMethod<&Reader::close>("close")});
  }

  explicit Reader(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Reader>(info) {
    env_ = info.Env();
    if (!info[0].IsObject()) throw Napi::TypeError::New(env_, "the options must be an object");
    const auto options = info[0].As<Napi::Object>();
    const MapLayout layout = layout_of(options);
    MmapReaderOptions reader_options;
    reader_options.threads = integer_of(options, "threads", 1, 256);
    reader_options.prefetch = options.Get("prefetch").ToBoolean();
    reader_options.event_loop = std::this_thread::get_id();
    auto ops = system_map_ops();
    if (!ops) {
      throw make_error(env_, "ANNULUS_UNSUPPORTED", "the system refuses a handler of SIGBUS");
    }
    reader_ = MmapReader::create(layout, reader_options, std::move(ops));
    hook();
    Ref();
  }

  ~Reader() override {
    unhook();
    MmapReader::release(reader_);
  }

 private:
  class CloseTask : public Task {
   public:
    CloseTask(Napi::Env env, Reader *reader) : Task(env), reader_(reader) {}
    void settle(Napi::Env env) override {
      reader_->let_go();
      deferred().Resolve(env.Undefined());
    }
    Settler *settler = nullptr;

   private:
    Reader *reader_;  // keeps itself alive until `let_go`
  };

  // The environment ends: JavaScript memory goes as soon as this returns.
  static void on_cleanup(void *data) {
    auto *self = static_cast<Reader *>(data);
    self->hooked_ = false;
    self->reader_->stop();
    self->reader_->join();
    self->kept_.clear();
  }

  void hook() {
    napi_add_env_cleanup_hook(env_, &Reader::on_cleanup, this);
    hooked_ = true;
  }

  void unhook() {
    if (hooked_) napi_remove_env_cleanup_hook(env_, &Reader::on_cleanup, this);
    hooked_ = false;
  }

  // After the last read.
  void let_go() {
    reader_->join();  // the threads have left their loops already
    unhook();
    kept_.clear();
    Unref();
  }

  void add_segment(const Napi::CallbackInfo &info) {
    const MapLayout &layout = reader_->layout();
    const auto sums = typed_array<Napi::Uint32Array>(info[1], napi_uint32_array, "checksums");
    if (sums.ElementLength() < layout.slots_per_segment) {
      throw Napi::RangeError::New(env_, "the checksums are too short");
    }
    if (closing_) throw status_error(env_, ANNULUS_CLOSED, "addSegment");
    const int32_t status = info[0].IsNumber()
                               ? reader_->add_segment(fd_of(info[0]), sums.Data())
                               : reader_->add_segment(mapping_of(info[0]), sums.Data());
    if (status == ANNULUS_OUT_OF_MEMORY) throw status_error(env_, status, "mapping a segment");
    if (status != ANNULUS_OK) {
      throw make_error(env_, "ANNULUS_LIMIT",
                       "a storage has at most " + std::to_string(SegmentTable::kSegmentsMax) +
                           " mapped segments; use larger ones");
    }
    kept_.push_back(Napi::Persistent(sums.As<Napi::Object>()));
  }

  const uint8_t *mapping_of(const Napi::Value &value) const {
    const auto bytes = typed_array<Napi::Uint8Array>(value, napi_uint8_array, "the mapping");
    if (bytes.ByteLength() < reader_->layout().segment_bytes) {
      throw Napi::RangeError::New(env_, "the mapping is too short");
    }
    return bytes.Data();
  }

  // Mapping a file that is too short succeeds; reading it is then an error of that read.
  int fd_of(const Napi::Value &value) const {
    const double number = value.As<Napi::Number>().DoubleValue();
    if (number >= 0 && number <= INT32_MAX && number == std::floor(number)) {
      return static_cast<int>(number);
    }
    throw Napi::RangeError::New(env_, "the descriptor is out of range");
  }

  void publish(const Napi::CallbackInfo &info) {
    const double slots = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
    if (!(slots >= 0) || slots > 4294967296.0 || slots != std::floor(slots) ||
        !reader_->publish(static_cast<uint64_t>(slots))) {
      throw Napi::RangeError::New(env_, "slots are published that no segment has");
    }
  }

  Napi::Value score(const Napi::CallbackInfo &info) {
    const uint32_t dimension = reader_->layout().dimension;
    const auto query = floats_of(info[0], dimension, "query");
    const auto slots = typed_array<Napi::Uint32Array>(info[1], napi_uint32_array, "slots");
    const uint32_t metric = info[2].IsNumber() ? info[2].As<Napi::Number>().Uint32Value() : 4;
    if (metric > ANNULUS_METRIC_MANHATTAN) throw Napi::RangeError::New(env_, "unknown metric");
    const auto out = floats_of(info[3], slots.ElementLength(), "out");
    auto task = std::make_unique<ReadTask>(env_, "score", slots);
    task->set_query(query, metric);
    return submit(std::move(task), out, info[4], Work::score);
  }

  Napi::Value read(const Napi::CallbackInfo &info) {
    const auto slots = typed_array<Napi::Uint32Array>(info[0], napi_uint32_array, "slots");
    const size_t floats = slots.ElementLength() * reader_->layout().dimension;
    const auto out = floats_of(info[1], floats, "out");
    return submit(std::make_unique<ReadTask>(env_, "read", slots), out, info[2], Work::copy);
  }

  Napi::Value submit(std::unique_ptr<ReadTask> owned, const Napi::Float32Array &out,
                     const Napi::Value &abort, Work work) {
    owned->set_out(out);
    owned->watch(abort);
    Settler &settler = addon_data(env_).settler;
    ReadTask *task = settler.begin(std::move(owned));
    task->settler = &settler;
    task->request.abort = task->abort_flag();
    const Napi::Promise promise = task->promise();
    reader_->submit(&task->request, work);
    return promise;
  }

  Napi::Value table(const Napi::CallbackInfo &) { return table_external(env_, &reader_->table()); }

  Napi::Value stats(const Napi::CallbackInfo &) {
    const MmapReaderStats stats = reader_->stats();
    Napi::Object result = Napi::Object::New(env_);
    const auto set = [&](const char *name, uint64_t value) {
      result.Set(name, Napi::Number::New(env_, static_cast<double>(value)));
    };
    set("reads", stats.reads);
    set("vectors", stats.vectors);
    set("inFlight", stats.in_flight);
    set("residentHits", stats.resident_hits);
    set("errors", stats.errors);
    return result;
  }

  Napi::Value close(const Napi::CallbackInfo &) {
    if (closing_) throw status_error(env_, ANNULUS_CLOSED, "close");
    closing_ = true;
    Settler &settler = addon_data(env_).settler;
    CloseTask *task = settler.begin(std::make_unique<CloseTask>(env_, this));
    task->settler = &settler;
    const Napi::Promise promise = task->promise();
    reader_->close(
        [](void *ctx) {
          auto *closed = static_cast<CloseTask *>(ctx);
          closed->settler->finish(closed);
        },
        task);
    return promise;
  }

  Napi::Env env_{nullptr};
  MmapReader *reader_ = nullptr;
  std::vector<Napi::ObjectReference> kept_;
  bool hooked_ = false;
  bool closing_ = false;
};

}  // namespace

void export_reader(Napi::Env env, Napi::Object exports) {
  exports.Set("Reader", Reader::define(env));
}

}  // namespace annulus
