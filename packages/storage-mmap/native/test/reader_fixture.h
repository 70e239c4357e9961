// A reader over the fake, and requests that know whether they are done.
#pragma once

#include <annulus/distance.h>

#include "../mmap_reader.h"
#include "fake_map.h"

namespace annulus_test {

using annulus::MmapReader;
using annulus::MmapReaderOptions;
using annulus::Work;

inline MapLayout layout_of(uint32_t dimension, uint32_t slots_per_segment, uint32_t padding = 0) {
  MapLayout layout{};
  layout.dimension = dimension;
  layout.stride = dimension * sizeof(float) + padding;
  layout.header_bytes = 64;
  layout.slots_per_segment = slots_per_segment;
  layout.segment_bytes = layout.header_bytes + slots_per_segment * layout.stride;
  return layout;
}

/// Owns a reader as the wrap does: publishes everything, joins, then lets go.
class Fixture {
 public:
  Fixture(const MapLayout &layout, uint32_t segments, const MmapReaderOptions &options = {},
          uint32_t seed = 1)
      : files(layout, segments, seed),
        reader(MmapReader::create(layout, options, std::make_unique<FakeMapOps>(files, control))) {
    for (uint32_t i = 0; i < segments; ++i) add(i);
    CHECK(reader->publish(files.slots()));
  }
  ~Fixture() {
    reader->join();
    CHECK(control.unmapped == control.mapped);
    MmapReader::release(reader);
  }
  Fixture(const Fixture &) = delete;
  Fixture &operator=(const Fixture &) = delete;

  void add(uint32_t segment) {
    const uint32_t *checksums = files.checksums(segment);
    const int32_t status = segment % 2 == 0
                               ? reader->add_segment(files.segment(segment), checksums)
                               : reader->add_segment(static_cast<int>(segment), checksums);
    CHECK(status == ANNULUS_OK);
  }

  FakeFiles files;
  FakeControl control;
  MmapReader *const reader;
};

class Request {
 public:
  Request(const MapLayout &layout, std::vector<uint32_t> wanted, Work work, uint32_t seed = 1)
      : slots(std::move(wanted)),
        query(layout.dimension),
        out(slots.size() * (work == Work::copy ? layout.dimension : 1), -77.0f),
        work(work) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> component(-1, 1);
    for (float &value : query) value = component(random);
    raw.query = query.data();
    raw.metric = seed % 4;
    raw.slots = slots.data();
    raw.n = slots.size();
    raw.out = out.data();
    raw.abort = &abort;
    raw.ctx = this;
    raw.done = [](annulus_score_request *request) {
      static_cast<Request *>(request->ctx)->on_done();
    };
  }

  void submit(MmapReader *reader) { reader->submit(&raw, work); }

  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return done_ > 0; });
  }

  int done() {
    std::lock_guard<std::mutex> lock(mutex_);
    return done_;
  }

  /// Whether every vector is what the files hold, bit for bit.
  bool right(FakeFiles &files) {
    const size_t dimension = query.size();
    const annulus::ExactQuery exact(raw.metric, query.data(), dimension);
    for (size_t i = 0; i < slots.size(); ++i) {
      const float *vector = files.vector(slots[i]);
      if (work == Work::copy) {
        if (std::memcmp(&out[i * dimension], vector, dimension * 4) != 0) return false;
      } else {
        const float distance = exact.distance(vector);
        if (std::memcmp(&out[i], &distance, 4) != 0) return false;
      }
    }
    return true;
  }

  std::vector<uint32_t> slots;
  std::vector<float> query;
  std::vector<float> out;
  const Work work;
  int32_t abort = 0;
  annulus_score_request raw{};

 private:
  void on_done() {
    std::lock_guard<std::mutex> lock(mutex_);
    ++done_;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int done_ = 0;
};

inline std::vector<uint32_t> random_slots(std::mt19937 &random, size_t n, uint32_t below) {
  std::vector<uint32_t> slots(n);
  for (uint32_t &slot : slots) slot = random() % below;
  return slots;
}

/// A thread that only waits, so that its id is nobody else's.
class ParkedThread {
 public:
  ParkedThread() : thread_([this] { std::lock_guard<std::mutex> lock(parked_); }) {}
  ~ParkedThread() {
    hold_.unlock();
    thread_.join();
  }
  std::thread::id id() const { return thread_.get_id(); }

 private:
  std::mutex parked_;
  std::unique_lock<std::mutex> hold_{parked_};
  std::thread thread_;
};

/// An event loop's id that no thread of a test has, so that every thread may be served in place.
inline std::thread::id another_thread() {
  static const ParkedThread parked;
  return parked.id();
}

}  // namespace annulus_test
