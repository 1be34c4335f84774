#include "host/pg/dump_inspector.hpp"

#include <algorithm>
#include <array>

#include "host/base/error.hpp"
#include "host/base/text.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "inspect.dump";
constexpr std::string_view kArchiveMagic = "PGDMP";

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Finds out which format it is, if it must; then leaves the work to that inspector.
class AnyInspector final : public DumpInspector {
 public:
  explicit AnyInspector(std::optional<DumpFormat> format) {
    if (format) choose(*format);
  }

  void write(std::string_view in) override {
    if (!chosen_) {
      head_ += in;
      if (head_.size() < kArchiveMagic.size()) return;
      choose_by_head();
      in = head_;
    }
    chosen_->write(in);
    head_.clear();
  }

  void finish() override {
    if (!chosen_) {
      choose_by_head();
      chosen_->write(head_);
    }
    chosen_->finish();
  }

  const DumpFacts& facts() const override { return chosen_ ? chosen_->facts() : none_; }
  std::optional<std::uint64_t> toc_end() const override {
    return chosen_ ? chosen_->toc_end() : std::nullopt;
  }

 private:
  void choose(DumpFormat format) {
    chosen_ = format == DumpFormat::plain ? plain_inspector() : archive_inspector();
  }
  void choose_by_head() {
    choose(head_.starts_with(kArchiveMagic) ? DumpFormat::custom : DumpFormat::plain);
  }

  std::unique_ptr<DumpInspector> chosen_;
  std::string head_;  // until it is chosen
  DumpFacts none_;
};

class InspectFilter final : public Filter {
 public:
  InspectFilter(std::optional<DumpFormat> format, InspectEmit emit)
      : inspector_(format), emit_(emit) {}

  void write(Bytes in, const Downstream& out) override {
    inspector_.write(text_of(in));
    if (emit_ == InspectEmit::all) {
      out.emit(in);
    } else if (emit_ == InspectEmit::toc && is_archive()) {
      const std::uint64_t end = inspector_.toc_end().value_or(offset_ + in.size());
      if (end > offset_) out.emit(in.first(std::min<std::uint64_t>(in.size(), end - offset_)));
    }
    offset_ += in.size();
  }

  void finish(const Downstream&) override {
    inspector_.finish();
    result_ = inspector_.facts().to_json().dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  std::string name() const override { return "inspect"; }
  std::string result() const override { return result_; }

 private:
  bool is_archive() const { return inspector_.facts().format == DumpFormat::custom; }

  AnyInspector inspector_;
  const InspectEmit emit_;
  std::uint64_t offset_ = 0;
  std::string result_;
};

}  // namespace

Json DumpFacts::to_json() const {
  Json list = Json::array();
  for (const Table& table : tables) {
    Json one{{"schema", table.schema}, {"name", table.name}};
    if (table.rows) one["rows"] = *table.rows;
    list.push_back(std::move(one));
  }
  Json out{{"format", format == DumpFormat::plain ? "plain" : "custom"},
           {"restrict", restricted},
           {"connects", connects},
           {"tables", std::move(list)}};
  constexpr std::size_t kVersionBytes = 80;
  if (!dumped_from.empty()) out["dumped_from"] = tame(dumped_from, kVersionBytes);
  if (!dumped_by.empty()) out["dumped_by"] = tame(dumped_by, kVersionBytes);
  if (toc_entries) out["toc_entries"] = *toc_entries;
  if (large_objects) out["large_objects"] = *large_objects;
  return out;
}

std::unique_ptr<Filter> inspect_filter(std::optional<DumpFormat> format, InspectEmit emit) {
  return std::make_unique<InspectFilter>(format, emit);
}

DumpFacts inspect_head(Source& source, Filter* decoder, std::uint64_t limit_bytes,
                       const Stop& stop) {
  AnyInspector inspector(std::nullopt);
  const Downstream out{[&](Bytes bytes) { inspector.write(text_of(bytes)); }, stop};
  std::array<std::byte, 16U << 10U> buffer;
  while (limit_bytes > 0) {
    stop.check(kOp);
    const std::span<std::byte> room(buffer.data(),
                                    std::min<std::uint64_t>(buffer.size(), limit_bytes));
    const std::size_t got = source.read(room, stop);
    if (got == 0) break;
    if (decoder != nullptr) {
      decoder->write(room.first(got), out);
    } else {
      out.emit(room.first(got));
    }
    limit_bytes -= got;
  }
  return inspector.facts();
}

std::unique_ptr<Sink> toc_sink(const Tool& tool) {
  return child_sink({tool.path, {"--list"}, {}}, "pg_restore --list");
}

}  // namespace pgbak
