// The graph's JavaScript handle: new Graph(scorer, pool, m, efConstruct, seed), or new
// Graph(read, scorer, pool) with what readGraph(path, abortFlag) resolved with. Arguments are
// checked in TypeScript with good messages; here only so far that nothing wrong can do harm.
#include <annulus/bitmap.h>
#include <annulus/externals.h>

#include <cmath>

#include "remove.h"
#include "source.h"
#include "wrap.h"
#include "wrap_job.h"

namespace annulus::hnsw {

namespace {

template <typename Array>
Array typed(const Napi::Value &value, napi_typedarray_type type, const char *what) {
  if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type) {
    return value.As<Array>();
  }
  throw Napi::TypeError::New(value.Env(), std::string(what) + " is not a typed array of its type");
}

uint64_t integer(const Napi::Value &value, uint64_t min, uint64_t max, const char *what) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (number >= static_cast<double>(min) && number <= static_cast<double>(max) &&
      number == std::floor(number)) {
    return static_cast<uint64_t>(number);
  }
  throw Napi::RangeError::New(value.Env(), std::string(what) + " is out of range");
}

class GraphHandle : public Napi::ObjectWrap<GraphHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Graph",
        {InstanceMethod<&GraphHandle::insert>("insert"),
         InstanceMethod<&GraphHandle::remove>("remove"),
         InstanceMethod<&GraphHandle::reveal>("reveal"),
         InstanceMethod<&GraphHandle::repair>("repair"),
         InstanceMethod<&GraphHandle::proceed_piece>("proceed"),
         InstanceMethod<&GraphHandle::search>("search"),
         InstanceMethod<&GraphHandle::contains>("contains"),
         InstanceMethod<&GraphHandle::occupied>("occupied"),
         InstanceMethod<&GraphHandle::stats>("stats"), InstanceMethod<&GraphHandle::save>("save"),
         InstanceMethod<&GraphHandle::check>("check"),
         InstanceMethod<&GraphHandle::source>("source"),
         InstanceMethod<&GraphHandle::close>("close"),
         InstanceAccessor<&GraphHandle::size>("size")});
  }

  explicit GraphHandle(const Napi::CallbackInfo &info) : Napi::ObjectWrap<GraphHandle>(info) {
    env_ = info.Env();
    if (info.Length() == 3) {
      complete(info);
    } else {
      make(info);
    }
    // Hooks run newest first: insertions are told to stop before the pool waits for its jobs.
    napi_add_env_cleanup_hook(env_, &GraphHandle::on_cleanup, graph_.get());
    key_ = graph_.get();
  }

  ~GraphHandle() override { unhook(); }

 private:
  void complete(const Napi::CallbackInfo &info) {
    const auto *scorer = table_from<annulus_scorer>(info[1], ANNULUS_KIND_SCORER, "scorer");
    const auto *pool = table_from<annulus_pool>(info[2], ANNULUS_KIND_POOL, "pool");
    const FileStatus status = std::move(*take_read(info[0])).complete(*scorer, graph_);
    if (!status.ok()) throw file_error(env_, status);
    pool_ = Held<annulus_pool>(*pool);
  }

  void make(const Napi::CallbackInfo &info) {
    const auto *scorer = table_from<annulus_scorer>(info[0], ANNULUS_KIND_SCORER, "scorer");
    const auto *pool = table_from<annulus_pool>(info[1], ANNULUS_KIND_POOL, "pool");
    Params params;
    params.m = static_cast<uint32_t>(integer(info[2], kMinM, kMaxM, "m"));
    params.ef_construct = static_cast<uint32_t>(integer(info[3], 1, kMaxEf, "efConstruct"));
    params.seed = integer(info[4], 0, uint64_t{1} << 53, "seed");
    graph_ = std::make_shared<Graph>(*scorer, params);
    pool_ = Held<annulus_pool>(*pool);
  }

  static void on_cleanup(void *graph) {
    static_cast<Graph *>(graph)->closing.store(true, std::memory_order_release);
  }

  void unhook() {
    if (key_ != nullptr) napi_remove_env_cleanup_hook(env_, &GraphHandle::on_cleanup, key_);
    key_ = nullptr;
  }

  const std::shared_ptr<Graph> &open(const char *what) const {
    if (graph_ == nullptr) throw status_error(env_, ANNULUS_CLOSED, what);
    return graph_;
  }

  // Copies, so that nothing checked can change, and makes room. Removing needs no code to exist
  // any more than inserting does: both are about slots that were encoded.
  std::vector<uint32_t> take_slots(const Napi::Value &value, const char *what) {
    const auto given = typed<Napi::Uint32Array>(value, napi_uint32_array, "slots");
    std::vector<uint32_t> slots(given.Data(), given.Data() + given.ElementLength());
    const annulus_scorer &scorer = graph_->scorer();
    const uint64_t encoded = std::min(scorer.slots(scorer.self), kMaxSlots);
    uint64_t end = 0;
    for (const uint32_t slot : slots) {
      if (slot >= encoded) throw status_error(env_, ANNULUS_OUT_OF_RANGE, what, 0, slot);
      end = std::max<uint64_t>(end, uint64_t{slot} + 1);
    }
    if (!graph_->nodes.reserve(end)) throw status_error(env_, ANNULUS_OUT_OF_MEMORY, what);
    return slots;
  }

  void check_progress(const Napi::Value &value) const {
    if (value.IsUndefined()) return;
    if (typed<Napi::Uint32Array>(value, napi_uint32_array, "progress").ElementLength() < 2) {
      throw Napi::RangeError::New(env_, "progress needs two elements");
    }
  }

  // What is left of an insertion or a repair; of which graph makes no difference.
  Napi::Value proceed_piece(const Napi::CallbackInfo &info) {
    open("proceed");
    check_progress(info[1]);
    return proceed(info[3], {info[0], info[1], info[2]});
  }

  Napi::Value insert(const Napi::CallbackInfo &info) {
    open("insert");
    std::vector<uint32_t> slots = take_slots(info[0], "insert");
    for (const uint32_t slot : slots) {
      const uint8_t state = graph_->nodes.state(slot);
      if (!is_gone(state) && state != kSkipped) continue;
      throw make_error(
          env_, "ANNULUS_INVALID_ARGUMENT",
          "insert: slot " + std::to_string(slot) +
              " was removed; its neighbourhood must be repaired before it is used again");
    }
    check_progress(info[2]);
    const Shown shown = info[5].ToBoolean() ? Shown::when_revealed : Shown::at_once;
    auto job =
        std::make_shared<InsertJob>(graph_, *pool_, std::move(slots), info[3].ToBoolean(), shown);
    return begin_piece(env_, std::move(job), {info[1], info[2], info[4]});
  }

  Napi::Value remove(const Napi::CallbackInfo &info) {
    open("remove");
    uint32_t changed = 0;
    for (const uint32_t slot : take_slots(info[0], "remove")) changed += remove_node(*graph_, slot);
    return Napi::Number::New(env_, changed);
  }

  Napi::Value reveal(const Napi::CallbackInfo &info) {
    open("reveal");
    uint32_t changed = 0;
    for (const uint32_t slot : take_slots(info[0], "reveal")) changed += reveal_node(*graph_, slot);
    return Napi::Number::New(env_, changed);
  }

  Napi::Value repair(const Napi::CallbackInfo &info) {
    open("repair");
    check_progress(info[1]);
    return begin_piece(env_, std::make_shared<RepairJob>(graph_, *pool_),
                       {info[0], info[1], info[2]});
  }

  Napi::Value search(const Napi::CallbackInfo &info) {
    open("search");
    const auto query = typed<Napi::Float32Array>(info[0], napi_float32_array, "query");
    if (query.ElementLength() != graph_->scorer().dimension) {
      throw make_error(env_, "ANNULUS_DIMENSION",
                       "search: the query has " + std::to_string(query.ElementLength()) +
                           " components, the graph " + std::to_string(graph_->scorer().dimension));
    }
    const auto k = static_cast<uint32_t>(integer(info[1], 1, kMaxSlots, "k"));
    const auto ef = static_cast<uint32_t>(integer(info[2], 1, kMaxSlots, "ef"));
    if (!info[3].IsUndefined()) typed<Napi::Uint32Array>(info[3], napi_uint32_array, "allowed");
    const uint32_t skipped =
        info[4].IsUndefined() ? kNone : static_cast<uint32_t>(integer(info[4], 0, kNone, "skip"));
    return begin_search(env_, graph_, *pool_, query, k, ef, info[3], skipped, info[5]);
  }

  Napi::Value contains(const Napi::CallbackInfo &info) {
    open("contains");
    const uint64_t slot = integer(info[0], 0, 0xffffffffu, "slot");
    return Napi::Boolean::New(env_,
                              slot < graph_->nodes.reserved() &&
                                  graph_->nodes.state(static_cast<uint32_t>(slot)) == kLinked);
  }

  // Bitmap.
  Napi::Value occupied(const Napi::CallbackInfo &) {
    open("occupied");
    const uint64_t slots = graph_->nodes.reserved();
    Napi::Uint32Array words = Napi::Uint32Array::New(env_, bitmap_words(slots));
    for (uint32_t slot = 0; slot < slots; ++slot) {
      const uint8_t state = graph_->nodes.state(slot);
      const bool held = state != kEmpty && state != kFree;
      words.Data()[slot / 32] |= static_cast<uint32_t>(held) << (slot % 32);
    }
    return words;
  }

  Napi::Value size(const Napi::CallbackInfo &) {
    open("size");
    return Napi::Number::New(env_, static_cast<double>(graph_->size()));
  }

  Napi::Value stats(const Napi::CallbackInfo &) {
    open("stats");
    Napi::Object out = Napi::Object::New(env_);
    const auto set = [&](const char *name, uint64_t value) {
      out.Set(name, Napi::Number::New(env_, static_cast<double>(value)));
    };
    const EntryPoint entry = graph_->entry();
    const uint64_t scratch = graph_->scratches.bytes();
    set("nodes", graph_->size());
    set("removed", graph_->removed.load(std::memory_order_acquire));
    set("maxLevel", entry.exists() ? entry.level : 0);
    set("m", graph_->params.m);
    set("efConstruct", graph_->params.ef_construct);
    set("linkBytes", graph_->nodes.bytes());
    set("scratchBytes", scratch);
    set("bytes", graph_->nodes.bytes() + scratch);
    return out;
  }

  Napi::Value save(const Napi::CallbackInfo &info) {
    open("save");
    return begin_save(env_, graph_, info[0].ToString().Utf8Value(), info[1]);
  }

  Napi::Value check(const Napi::CallbackInfo &) {
    open("check");
    return begin_check(env_, graph_);
  }

  Napi::Value source(const Napi::CallbackInfo &) {
    open("source");
    Source *source = Source::create(graph_, pool_);
    const Napi::Value handle = table_external(env_, &source->table());
    Source::release(source);
    return handle;
  }

  // New operations are refused from now on and insertions end soon; memory goes with the last user.
  void close(const Napi::CallbackInfo &) {
    if (graph_ == nullptr) return;
    graph_->closing.store(true, std::memory_order_release);
    unhook();
    graph_.reset();
    pool_ = {};
  }

  std::shared_ptr<Graph> graph_;
  Held<annulus_pool> pool_;
  Graph *key_ = nullptr;  // of the cleanup hook
  Napi::Env env_ = nullptr;
};

Napi::Value read_file(const Napi::CallbackInfo &info) {
  return begin_read(info.Env(), info[0].ToString().Utf8Value(), info[1]);
}

}  // namespace

void export_graph(Napi::Env env, Napi::Object exports) {
  exports.Set("Graph", GraphHandle::define(env));
  exports.Set("readGraph", Napi::Function::New(env, read_file, "readGraph"));
}

}  // namespace annulus::hnsw
