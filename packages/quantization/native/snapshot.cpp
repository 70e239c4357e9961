#include "snapshot.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "arriving_rows.h"
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

// Reads sections to where they live in memory; what one holds is used once its checksum is right.
class Load {
 public:
  Load(const std::string &path, const int32_t *abort) : path_(path), abort_(abort) {}

  FileStatus run(CodesRef &codes, uint64_t later_from) {
    FileStatus status = file_.open(path_, codes_snapshot::kind, codes_snapshot::version);
    if (status.ok()) status = make();
    if (status.ok()) status = calibrate();
    if (status.ok()) status = fill(later_from);
    if (status.ok()) codes = std::move(codes_);
    return status;
  }

 private:
  FileStatus unknown(const char *what) const {
    return FileStatus::failed(FileError::version, path_, what);
  }

  // An object that is a section.
  template <typename T>
  FileStatus value(codes_snapshot::Section id, T &out) const {
    const snapshot::SectionEntry *entry = file_.find(id);
    if (entry == nullptr || entry->length != sizeof(T)) {
      return file_.corrupt("a section is missing or of the wrong length");
    }
    return file_.read(*entry, abort_, reinterpret_cast<uint8_t *>(&out));
  }

  // Codes without rows.
  FileStatus make() {
    FileStatus status = value(codes_snapshot::description, about_);
    if (!status.ok()) return status;
    if (about_.dimension < 1 || about_.dimension > max_int_length ||
        about_.metric > ANNULUS_METRIC_MANHATTAN || about_.zero != 0 || about_.slots > max_slots) {
      return file_.corrupt("its description is out of range");
    }
    if (!kind_known(about_.kind)) return unknown("this version does not know its kind of code");
    const snapshot::SectionEntry *entry = file_.find(codes_snapshot::codebook);
    if (entry == nullptr) return file_.corrupt("its codebook is missing");
    AlignedVector<uint8_t> codebook(static_cast<size_t>(entry->length));
    status = file_.read(*entry, abort_, codebook.data());
    if (!status.ok()) return status;
    codes_ = CodesRef::adopt(
        codes_from(about_.kind, about_.dimension, about_.metric, codebook.data(), codebook.size()));
    if (!codes_) return file_.corrupt("its codebook is malformed");
    if (same_layout(about_, codes_->rows().layout())) return {};
    return unknown("its rows are laid out in an unknown way");
  }

  FileStatus calibrate() {
    if (file_.find(codes_snapshot::calibration) == nullptr) return {};
    Calibration calibration{};
    FileStatus status = value(codes_snapshot::calibration, calibration);
    if (!status.ok()) return status;
    if (!calibration.sound()) return file_.corrupt("its bounds are malformed");
    codes_->set_calibration(calibration);
    return {};
  }

  FileStatus fill(uint64_t later_from) {
    RowStore &rows = codes_->rows();
    const RowLayout &layout = rows.layout();
    const bool far_terms = layout.term_bytes > 0 && !layout.terms_in_row;
    const snapshot::SectionEntry *row_section =
        sized(codes_snapshot::rows, about_.slots * layout.stride);
    const snapshot::SectionEntry *term_section =
        far_terms ? sized(codes_snapshot::terms, about_.slots * layout.term_bytes) : nullptr;
    if (row_section == nullptr || (far_terms && term_section == nullptr)) {
      return file_.corrupt("its rows are incomplete");
    }
    if (!rows.reserve(about_.slots)) throw std::bad_alloc();
    if (far_terms) {
      FileStatus status = read_terms(*term_section);
      if (!status.ok()) return status;
    }
    rows.publish(about_.slots);
    if (about_.slots == 0) return file_.read(*row_section, abort_, static_cast<uint8_t *>(nullptr));
    const snapshot::SectionEntry section = *row_section;
    const auto arriving = std::make_shared<ArrivingRows>(*codes_, std::move(file_), section);
    codes_->await_rows(arriving);
    if (section.length < later_from) return arriving->load(abort_);
    arriving->prepare();
    return {};
  }

  const snapshot::SectionEntry *sized(codes_snapshot::Section id, uint64_t bytes) const {
    const snapshot::SectionEntry *entry = file_.find(id);
    return entry != nullptr && entry->length == bytes ? entry : nullptr;
  }

  // Those of a chunk lie together.
  FileStatus read_terms(const snapshot::SectionEntry &section) const {
    RowStore &rows = codes_->rows();
    const size_t size = rows.layout().term_bytes;
    const uint64_t chunk_bytes = rows.chunk_slots() * size;
    rows.postpone_huge_pages();
    FileStatus status = file_.read(section, abort_, [&](uint64_t offset, size_t wanted, size_t) {
      const uint64_t within = offset % chunk_bytes;
      uint8_t *chunk = rows.term(static_cast<uint32_t>((offset - within) / size));
      return ReadTarget{chunk + within,
                        static_cast<size_t>(std::min<uint64_t>(wanted, chunk_bytes - within))};
    });
    rows.advise_huge_pages();
    return status;
  }

  const std::string &path_;
  const int32_t *abort_;
  SnapshotFile file_;
  Description about_{};
  CodesRef codes_;
};

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

FileStatus load_codes(const std::string &path, const int32_t *abort, CodesRef &codes,
                      uint64_t later_from) {
  try {
    return Load(path, abort).run(codes, later_from);
  } catch (const std::bad_alloc &) {
    return FileStatus::failed(FileError::out_of_memory, path, "not enough memory to load it");
  }
}

FileStatus load_rows(const CodesRef &codes, const int32_t *abort) {
  const auto rows = codes->arriving_rows();
  if (!rows) return {};
  try {
    return rows->load(abort);
  } catch (const std::bad_alloc &) {
    return FileStatus::failed(FileError::out_of_memory, "rows of codes", "not enough memory");
  }
}

}  // namespace annulus
