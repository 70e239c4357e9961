// writeScattered(fd, memory, parts): one job on a thread of libuv, where Node's own file operations
// run, for a write may wait for a disk and must not keep a search's thread.
#include <annulus/arguments.h>

#include <memory>
#include <utility>
#include <vector>

#include "scattered_write.h"
#include "wrap.h"

namespace annulus {

namespace {

constexpr size_t kNumbersAPart = 3;

// Lives from `start` until its completion on the JavaScript thread, which Node waits for (or
// cancels) before the environment ends.
class ScatteredWrite {
 public:
  ScatteredWrite(Napi::Env env, int fd, const Napi::Uint8Array &memory,
                 std::vector<ScatteredPart> parts)
      : env_(env),
        settlement_(env),
        fd_(fd),
        memory_(memory.Data()),
        kept_(Napi::Persistent(memory.As<Napi::Object>())),
        parts_(std::move(parts)) {}

  static Napi::Promise start(std::unique_ptr<ScatteredWrite> write) {
    const Napi::Env env = write->env_;
    const Napi::Promise promise = write->settlement_.Promise();
    if (napi_create_async_work(env, nullptr, Napi::String::New(env, "annulus write"), &execute,
                               &complete, write.get(), &write->work_) != napi_ok ||
        napi_queue_async_work(env, write->work_) != napi_ok) {
      throw Napi::Error::New(env, "could not queue a write");
    }
    write.release();
    return promise;
  }

  ~ScatteredWrite() {
    if (work_ != nullptr) napi_delete_async_work(env_, work_);
  }

 private:
  static void execute(napi_env, void *data) {
    auto *write = static_cast<ScatteredWrite *>(data);
    write->outcome_ =
        write_scattered(write->fd_, write->memory_, write->parts_.data(), write->parts_.size());
  }

  static void complete(napi_env env, napi_status, void *data) {
    const std::unique_ptr<ScatteredWrite> write(static_cast<ScatteredWrite *>(data));
    try {
      Napi::HandleScope scope(env);
      Napi::Array outcome = Napi::Array::New(env, 2);
      outcome.Set(0u, Napi::Number::New(env, write->outcome_.error));
      outcome.Set(1u, Napi::Number::New(env, write->outcome_.cpu_ms));
      write->settlement_.Resolve(outcome);
    } catch (const Napi::Error &) {
      // The environment is ending, as where the job was cancelled: nobody is left to be told.
    }
  }

  Napi::Env env_;
  Settlement settlement_;
  napi_async_work work_ = nullptr;
  const int fd_;
  const uint8_t *const memory_;
  const Napi::ObjectReference kept_;
  const std::vector<ScatteredPart> parts_;
  ScatteredOutcome outcome_;
};

std::vector<ScatteredPart> parts_from(const Napi::Value &value, size_t bytes) {
  const Napi::Float64Array numbers = typed_array<Napi::Float64Array>(value, "parts");
  if (numbers.ElementLength() % kNumbersAPart != 0) {
    throw invalid_argument(value.Env(), "parts does not hold three numbers a part");
  }
  const double most_bytes = static_cast<double>(bytes);
  std::vector<ScatteredPart> parts(numbers.ElementLength() / kNumbersAPart);
  for (size_t i = 0; i < parts.size(); ++i) {
    const double *part = numbers.Data() + i * kNumbersAPart;
    const bool inside = part[0] >= 0 && part[1] >= 0 && part[0] + part[1] <= most_bytes;
    if (!inside || !(part[2] >= 0 && part[2] <= 0x1p53)) {
      throw invalid_argument(value.Env(), "part " + std::to_string(i) + " lies outside");
    }
    parts[i] = {static_cast<size_t>(part[0]), static_cast<size_t>(part[1]),
                static_cast<uint64_t>(part[2])};
  }
  return parts;
}

// writeScattered(fd, memory, parts): Promise<[errno, milliseconds of CPU time]>
Napi::Value write_scattered_async(const Napi::CallbackInfo &info) {
  const auto fd = static_cast<int>(whole_number(info[0], 0, 0x7fffffff, "fd"));
  const auto memory = typed_array<Napi::Uint8Array>(info[1], "memory");
  return ScatteredWrite::start(std::make_unique<ScatteredWrite>(
      info.Env(), fd, memory, parts_from(info[2], memory.ByteLength())));
}

}  // namespace

void export_scattered_write(Napi::Env env, Napi::Object exports) {
  exports.Set("writeScattered", Napi::Function::New(env, write_scattered_async, "writeScattered"));
}

}  // namespace annulus
