#include "wrap_prepared_search.h"

#include <annulus/addon.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "search_queue.h"
#include "vectors.h"
#include "wrap_search_plan.h"

namespace annulus {

namespace {

// A result is [ticket, status, found, reads, candidates, slots (found words), distances (found
// floats)]; `src/prepared-search.ts` reads the same layout.
constexpr size_t kHeaderWords = 5;
constexpr size_t kFirstWords = 4096;
// So many searches keep their memory for later ones, unless it is more than usual.
constexpr size_t kKept = 256;
constexpr size_t kKeptCandidates = 1024;

class SearchDesk;

// One search under way, or its memory kept for another. Its number is its ticket.
class PreparedTask : public Task, public SearchQueue::Entry {
 public:
  PreparedTask(Napi::Env env, uint32_t ticket) : Task(env), ticket_(ticket) {}

  void settle(Napi::Env env) override;
  void dispose() override;
  const int32_t *flag() const override { return abort_flag(); }
  void done(size_t told_from) override;

  const uint32_t ticket_;
  std::shared_ptr<SearchDesk> desk_;  // while it is under way
  bool settled_ = false;              // and its result is being told
};

// The searches of one environment, on its JavaScript thread. Lifetime: held by each search under
// way, by each PreparedSearch, and by the environment until its cleanup.
class SearchDesk : public std::enable_shared_from_this<SearchDesk> {
 public:
  SearchDesk(Napi::Env env, std::shared_ptr<LoopPolling> polling)
      : env_(env), settler_(addon_data(env).settler), polling_(std::move(polling)) {}

  void on_found(const Napi::Function &callback) { callback_ = Napi::Persistent(callback); }

  // The ticket of a search for a query of the plan's dimension; -1 where the query has no place
  // among vectors.
  int32_t begin(SearchQueue &queue, const float *query) {
    const std::shared_ptr<const SearchPlan> &plan = queue.plan();
    PreparedTask *task = vacant();
    // What is checked is the copy: memory that threads share may change meanwhile.
    task->search.prepare(plan, query);
    const bool zero_is_fit = plan->options.metric != ANNULUS_METRIC_COSINE;
    const FaultyVector faulty =
        find_faulty_vector(task->search.query().data(), 1, plan->dimension, zero_is_fit);
    if (faulty.fault != VectorFault::none) {
      task->search.release();
      free_.push_back(task->ticket_);
      return -1;
    }
    task->desk_ = shared_from_this();
    settler_.begin_untold(task);
    const int32_t ticket = static_cast<int32_t>(task->ticket_);
    queue.add(task);
    polling_->began(plan->pool->jobs(plan->pool->self));
    return ticket;
  }

  void finish(PreparedTask *task, size_t told_from) { settler_.finish(task, told_from); }

  // Adds the result of a search to those to be told of.
  void note(PreparedTask &task) {
    polling_->ended();
    task.settled_ = true;
    const Search &search = task.search;
    const size_t found = search.found();
    reserve(kHeaderWords + 2 * found);
    uint32_t *words = words_ + used_;
    words[0] = task.ticket_;
    words[1] = static_cast<uint32_t>(search.status());
    words[2] = search.found();
    words[3] = search.reads();
    words[4] = search.candidates();
    words += kHeaderWords;
    if (found > 0) {
      std::memcpy(words, search.slots(), found * sizeof(uint32_t));
      std::memcpy(words + found, search.distances(), found * sizeof(float));
    }
    used_ += kHeaderWords + 2 * found;
    ++noted_;
  }

  // Tells of all that were noted, in one call.
  void tell(Napi::Env env) {
    if (noted_ == 0) return;
    const size_t count = std::exchange(noted_, 0);
    used_ = 0;
    Napi::HandleScope scope(env);
    try {
      callback_.Call({array_.Value(), Napi::Number::New(env, static_cast<double>(count))});
    } catch (const Napi::Error &error) {
      napi_fatal_exception(env, error.Value());
    }
    for (PreparedTask *task : ended_) vacate(*task);
    ended_.clear();
  }

  // To be vacated once its result was told.
  void ended(PreparedTask *task) { ended_.push_back(task); }

  // A search whose result is being told.
  PreparedTask &told(const Napi::Value &ticket) {
    const int64_t number = ticket.IsNumber() ? ticket.As<Napi::Number>().Int64Value() : -1;
    if (number < 0 || number >= static_cast<int64_t>(tasks_.size()) || !tasks_[number]->settled_) {
      throw Napi::RangeError::New(env_, "there is no such search to tell of");
    }
    return *tasks_[number];
  }

  // The environment is ending: no JavaScript runs any more.
  void close() {
    callback_.Reset();
    array_.Reset();
  }

 private:
  PreparedTask *vacant() {
    if (free_.empty()) {
      const auto ticket = static_cast<uint32_t>(tasks_.size());
      free_.reserve(tasks_.size() + 1);
      ended_.reserve(tasks_.size() + 1);  // so that ending cannot fail
      tasks_.push_back(std::make_unique<PreparedTask>(env_, ticket));
      return tasks_.back().get();
    }
    const uint32_t ticket = free_.back();
    free_.pop_back();
    return tasks_[ticket].get();
  }

  void vacate(PreparedTask &task) {
    task.settled_ = false;
    if (free_.size() >= kKept || task.search.room() > kKeptCandidates) {
      task.search = Search();
    } else {
      task.search.release();
    }
    free_.push_back(task.ticket_);
  }

  void reserve(size_t more) {
    if (!array_.IsEmpty() && used_ + more <= room_) return;
    room_ = std::max({kFirstWords, 2 * room_, used_ + more});
    Napi::Uint32Array array = Napi::Uint32Array::New(env_, room_);
    if (used_ > 0) std::memcpy(array.Data(), words_, used_ * sizeof(uint32_t));
    words_ = array.Data();
    array_ = Napi::Persistent(array.As<Napi::Object>());
  }

  Napi::Env env_;
  Settler &settler_;
  std::shared_ptr<LoopPolling> polling_;
  std::vector<std::unique_ptr<PreparedTask>> tasks_;  // by ticket
  std::vector<uint32_t> free_;                        // tickets; the last one used is the next
  std::vector<PreparedTask *> ended_;
  Napi::FunctionReference callback_;
  // Results, in an array that only the callback sees, and where its elements are.
  Napi::ObjectReference array_;
  uint32_t *words_ = nullptr;
  size_t room_ = 0;
  size_t used_ = 0;
  size_t noted_ = 0;
};

void PreparedTask::settle(Napi::Env) { desk_->note(*this); }

void PreparedTask::done(size_t told_from) { desk_->finish(this, told_from); }

void PreparedTask::dispose() {
  // May be the last to hold the desk, which owns this task.
  const std::shared_ptr<SearchDesk> desk = std::move(desk_);
  desk->ended(this);
}

class PreparedSearch : public Napi::ObjectWrap<PreparedSearch> {
 public:
  static Napi::Function define(Napi::Env env, std::shared_ptr<SearchDesk> *desk) {
    return DefineClass(env, "PreparedSearch",
                       {InstanceMethod<&PreparedSearch::begin>("begin"),
                        InstanceMethod<&PreparedSearch::release>("release")},
                       desk);
  }

  explicit PreparedSearch(const Napi::CallbackInfo &info)
      : Napi::ObjectWrap<PreparedSearch>(info),
        desk_(*static_cast<std::shared_ptr<SearchDesk> *>(info.Data())) {
    GivenPlan given = plan_from(info);
    if (!given.bitmaps.empty()) {
      throw Napi::TypeError::New(info.Env(), "a prepared search has no bitmaps");
    }
    if (!given.plan->reader || given.plan->options.rescore == Rescore::uncertain) {
      throw Napi::TypeError::New(info.Env(), "a prepared search gives exact distances");
    }
    queue_ = std::make_shared<SearchQueue>(
        std::move(given.plan),
        [settler = addon_data(info.Env()).held_settler] { settler->tell(); });
  }

 private:
  // begin(query): ticket, or -1
  Napi::Value begin(const Napi::CallbackInfo &info) {
    const Napi::Env env = info.Env();
    if (queue_ == nullptr) throw make_error(env, "ANNULUS_CLOSED", "the search was released");
    napi_typedarray_type type;
    size_t length = 0;
    void *data = nullptr;
    if (napi_get_typedarray_info(env, info[0], &type, &length, &data, nullptr, nullptr) !=
            napi_ok ||
        type != napi_float32_array) {
      throw Napi::TypeError::New(env, "a query is a Float32Array");
    }
    const int32_t ticket = length == queue_->plan()->dimension
                               ? desk_->begin(*queue_, static_cast<const float *>(data))
                               : -1;
    return Napi::Number::New(env, ticket);
  }

  // What is under way holds the plan itself.
  void release(const Napi::CallbackInfo &) { queue_.reset(); }

  std::shared_ptr<SearchDesk> desk_;
  std::shared_ptr<SearchQueue> queue_;
};

SearchDesk &desk_of(const Napi::CallbackInfo &info) {
  return **static_cast<std::shared_ptr<SearchDesk> *>(info.Data());
}

// onFound(callback): the callback gets the results, and how many there are
void on_found(const Napi::CallbackInfo &info) {
  if (!info[0].IsFunction()) throw Napi::TypeError::New(info.Env(), "onFound takes a function");
  desk_of(info).on_found(info[0].As<Napi::Function>());
}

// queryOf(ticket): a copy of the query; only while the callback runs, as the next
Napi::Value query_of(const Napi::CallbackInfo &info) {
  const std::vector<float> &query = desk_of(info).told(info[0]).search.query();
  Napi::Float32Array copy = Napi::Float32Array::New(info.Env(), query.size());
  std::memcpy(copy.Data(), query.data(), query.size() * sizeof(float));
  return copy;
}

// failureOf(ticket): the error of a status
Napi::Value failure_of(const Napi::CallbackInfo &info) {
  const Search &search = desk_of(info).told(info[0]).search;
  return status_error(info.Env(), search.status(), "search", search.detail(), search.failed_slot())
      .Value();
}

}  // namespace

void export_prepared_search(Napi::Env env, Napi::Object exports,
                            std::shared_ptr<LoopPolling> polling) {
  auto *desk =
      new std::shared_ptr<SearchDesk>(std::make_shared<SearchDesk>(env, std::move(polling)));
  addon_data(env).settler.after_settling([told = std::weak_ptr<SearchDesk>(*desk)](Napi::Env env) {
    if (const std::shared_ptr<SearchDesk> held = told.lock()) held->tell(env);
  });
  env.AddCleanupHook(
      [](std::shared_ptr<SearchDesk> *held) {
        (*held)->close();
        delete held;
      },
      desk);
  exports.Set("PreparedSearch", PreparedSearch::define(env, desk));
  exports.Set("onFound", Napi::Function::New(env, on_found, "onFound", desk));
  exports.Set("queryOf", Napi::Function::New(env, query_of, "queryOf", desk));
  exports.Set("failureOf", Napi::Function::New(env, failure_of, "failureOf", desk));
}

}  // namespace annulus
