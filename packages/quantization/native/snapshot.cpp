#include "snapshot.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "kernels/int_kernels.h"
#include "kinds.h"

namespace annulus {

using codes_snapshot::Description;

namespace {

constexpr uint64_t piece_bytes = 8 << 20;

// Runs of slots that lie in one chunk, in order: `visit(first, count)`.
template <typename Visit>
void each_run(uint64_t chunk_slots, uint64_t from, uint64_t to, Visit visit) {
  while (from < to) {
    const uint64_t end = std::min((from / chunk_slots + 1) * chunk_slots, to);
    visit(from, end - from);
    from = end;
  }
}

// One save: piece 0 describes, then come rows, then terms; all on one lane, so in order.
class Save {
 public:
  Save(const CodesRef &codes, const std::string &path)
      : codes_(codes),
        slots_(codes->rows().slots()),
        piece_slots_(std::max<uint64_t>(piece_bytes / codes->rows().layout().stride, 1)),
        row_pieces_(static_cast<size_t>((slots_ + piece_slots_ - 1) / piece_slots_)),
        writer_(std::make_unique<SnapshotWriter>(path, codes_snapshot::kind,
                                                 codes_snapshot::version)) {}

  bool far_terms() const {
    const RowLayout &layout = codes_->rows().layout();
    return layout.term_bytes > 0 && !layout.terms_in_row;
  }
  size_t pieces() const { return 1 + row_pieces_ * (far_terms() ? 2 : 1) + 1; }

  void write(size_t piece) {
    if (piece == 0) {
      describe();
    } else if (piece + 1 == pieces()) {
      writer_->commit();
    } else if (piece - 1 < row_pieces_) {
      if (piece == 1) writer_->begin(codes_snapshot::rows);
      write_run(piece - 1, false);
    } else {
      if (piece - 1 == row_pieces_) writer_->begin(codes_snapshot::terms);
      write_run(piece - 1 - row_pieces_, true);
    }
  }

  FileStatus status() const { return writer_->status(); }
  /// Without a commit before, this removes the temporary file.
  void close() { writer_.reset(); }

 private:
  void describe() {
    const RowLayout &layout = codes_->rows().layout();
    Description about{};
    about.kind = static_cast<uint32_t>(codes_->kind());
    about.dimension = codes_->dimension();
    about.metric = codes_->metric();
    about.code_bytes = layout.code_bytes;
    about.term_bytes = layout.term_bytes;
    about.stride = layout.stride;
    about.terms_in_row = layout.terms_in_row ? 1 : 0;
    about.slots = slots_;
    writer_->begin(codes_snapshot::description);
    writer_->write(&about, sizeof about);
    const std::vector<uint8_t> codebook = codes_->codebook();
    writer_->begin(codes_snapshot::codebook);
    writer_->write(codebook.data(), codebook.size());
    if (codes_->calibration().known()) {
      writer_->begin(codes_snapshot::calibration);
      writer_->write(&codes_->calibration(), sizeof(Calibration));
    }
    if (slots_ == 0) {
      writer_->begin(codes_snapshot::rows);
      if (far_terms()) writer_->begin(codes_snapshot::terms);
    }
  }

  void write_run(size_t piece, bool terms) {
    const RowStore &rows = codes_->rows();
    const RowView view = rows.view();
    const uint64_t from = piece * piece_slots_;
    each_run(rows.chunk_slots(), from, std::min(from + piece_slots_, slots_),
             [&](uint64_t first, uint64_t count) {
               const auto slot = static_cast<uint32_t>(first);
               const size_t size = terms ? view.term_stride : view.stride;
               writer_->write(terms ? view.term(slot) : view.row(slot),
                              static_cast<size_t>(count) * size);
             });
  }

  CodesRef codes_;
  uint64_t slots_;
  uint64_t piece_slots_;
  size_t row_pieces_;
  std::unique_ptr<SnapshotWriter> writer_;
};

FileStatus ended(RunEnd end, const std::string &path) {
  return end == RunEnd::aborted
             ? FileStatus::failed(FileError::aborted, path, "saving was aborted")
             : FileStatus::failed(FileError::out_of_memory, path, "not enough memory to save");
}

bool same_layout(const Description &about, const RowLayout &layout) {
  return about.code_bytes == layout.code_bytes && about.term_bytes == layout.term_bytes &&
         about.stride == layout.stride && about.terms_in_row == (layout.terms_in_row ? 1u : 0u);
}

// Copies `slots` stored values of `size` bytes to where `target(slot)` says, chunk by chunk.
template <typename Target>
void copy_in(const RowStore &rows, const uint8_t *from, uint64_t slots, size_t size,
             Target target) {
  each_run(rows.chunk_slots(), 0, slots, [&](uint64_t first, uint64_t count) {
    std::memcpy(target(static_cast<uint32_t>(first)), from + first * size,
                static_cast<size_t>(count) * size);
  });
}

FileStatus load(const std::string &path, const int32_t *abort, CodesRef &codes) {
  const auto corrupt = [&path](const char *what) {
    return FileStatus::failed(FileError::corrupt, path, what);
  };
  SnapshotReader reader;
  FileStatus status = reader.open(path, codes_snapshot::kind, codes_snapshot::version,
                                  SnapshotReader::Mode::map, abort);
  if (!status.ok()) return status;
  const auto *about = reader.values<Description>(codes_snapshot::description, 1);
  const auto *codebook = reader.find(codes_snapshot::codebook);
  if (about == nullptr || codebook == nullptr) return corrupt("a section is missing");
  if (about->dimension < 1 || about->dimension > max_int_length ||
      about->metric > ANNULUS_METRIC_MANHATTAN || about->zero != 0 || about->slots > max_slots) {
    return corrupt("its description is out of range");
  }
  const auto unknown = [&path](const char *what) {
    return FileStatus::failed(FileError::version, path, what);
  };
  if (!kind_known(about->kind)) return unknown("this version does not know its kind of code");
  CodesRef made =
      CodesRef::adopt(codes_from(about->kind, about->dimension, about->metric, codebook->data,
                                 static_cast<size_t>(codebook->length)));
  if (!made) return corrupt("its codebook is malformed");
  if (reader.find(codes_snapshot::calibration) != nullptr) {
    const auto *calibration = reader.values<Calibration>(codes_snapshot::calibration, 1);
    if (calibration == nullptr || !calibration->sound()) return corrupt("its bounds are malformed");
    made->set_calibration(*calibration);
  }
  RowStore &rows = made->rows();
  const RowLayout &layout = rows.layout();
  if (!same_layout(*about, layout)) return unknown("its rows are laid out in an unknown way");
  const bool far_terms = layout.term_bytes > 0 && !layout.terms_in_row;
  const auto *row_bytes =
      reader.values<uint8_t>(codes_snapshot::rows, about->slots * layout.stride);
  const auto *term_bytes =
      far_terms ? reader.values<uint8_t>(codes_snapshot::terms, about->slots * layout.term_bytes)
                : nullptr;
  if (row_bytes == nullptr || (far_terms && term_bytes == nullptr)) {
    return corrupt("its rows are incomplete");
  }
  if (!rows.reserve(about->slots)) throw std::bad_alloc();
  copy_in(rows, row_bytes, about->slots, layout.stride, [&](uint32_t s) { return rows.row(s); });
  if (far_terms) {
    copy_in(rows, term_bytes, about->slots, layout.term_bytes,
            [&](uint32_t s) { return rows.term(s); });
  }
  rows.publish(about->slots);
  codes = std::move(made);
  return {};
}

}  // namespace

void save_codes(const CodesRef &codes, const Held<annulus_pool> &pool, const std::string &path,
                const int32_t *abort, std::function<void(FileStatus)> done) {
  auto save = std::make_shared<Save>(codes, path);
  run_background(
      pool, save->pieces(), 1, abort,
      [save](size_t piece, size_t) {
        if (save->status().ok()) save->write(piece);
      },
      [save, path, done = std::move(done)](RunEnd end) {
        FileStatus status = end == RunEnd::completed ? save->status() : ended(end, path);
        save->close();
        done(std::move(status));
      });
}

FileStatus load_codes(const std::string &path, const int32_t *abort, CodesRef &codes) {
  try {
    return load(path, abort, codes);
  } catch (const std::bad_alloc &) {
    return FileStatus::failed(FileError::out_of_memory, path, "not enough memory to load it");
  }
}

}  // namespace annulus
