#include "reads.h"

namespace annulus::uring {

namespace {
constexpr uint32_t kAnnouncementBits = 12;

uint32_t place(uint32_t slot) { return (slot * 2654435761u) >> (32 - kAnnouncementBits); }
}  // namespace

Reads::Reads(uint32_t count) : reads_(count), announcements_(1u << kAnnouncementBits) {
  free_.reserve(count);
  for (uint32_t read = count; read-- > 0;) free_.push_back(read);
  parts_.reserve(count);
}

uint32_t Reads::acquire() {
  const uint32_t read = free_.back();
  free_.pop_back();
  reads_[read].busy = true;
  return read;
}

void Reads::release(uint32_t read) {
  ++reads_[read].generation;
  reads_[read].busy = false;
  free_.push_back(read);  // the last used first: its buffer is the warmest
}

void Reads::attach(uint32_t read, Request *request, uint32_t slot, uint32_t index) {
  if (free_part_ == kNone) {
    parts_.push_back({nullptr, 0, 0, kNone});
    free_part_ = static_cast<uint32_t>(parts_.size() - 1);
  }
  const uint32_t part = free_part_;
  free_part_ = parts_[part].next;
  parts_[part] = {request, slot, index, reads_[read].parts};
  reads_[read].parts = part;
  ++request->outstanding;
}

void Reads::free_part(uint32_t part) {
  parts_[part].next = free_part_;
  free_part_ = part;
}

bool Reads::next_slot(uint32_t number) {
  Read &read = reads_[number];
  if (read.rest == kNone) return false;
  const uint32_t slot = parts_[read.rest].slot;
  uint32_t others = kNone;
  for (uint32_t part = read.rest; part != kNone;) {
    const uint32_t next = parts_[part].next;
    uint32_t &list = parts_[part].slot == slot ? read.parts : others;
    parts_[part].next = list;
    list = part;
    part = next;
  }
  read.rest = others;
  return true;
}

void Reads::announce(uint32_t slot, uint32_t read) {
  announcements_[place(slot)] = {slot, read, reads_[read].generation};
}

uint32_t Reads::find(uint32_t slot) const {
  const Announcement &entry = announcements_[place(slot)];
  const bool valid = entry.slot == slot && reads_[entry.read].generation == entry.generation;
  return valid ? entry.read : kNone;
}

}  // namespace annulus::uring
