// Reads an archive of pg_dump --format=custom, versions 1.12 (9.0) to 1.16 (17, 18). As pg_dump
// writes it:
//
//   header    "PGDMP", then bytes: major, minor, revision, size of an integer, size of an offset,
//             format (1: custom); compression (from 1.15 a byte with the algorithm, before an
//             integer with the level); seven integers of the time of day; texts: database, version
//             of the server, version of pg_dump
//   contents  an integer: how many entries. Each: integer id, integer 1 if it has data; texts:
//             catalog, oid, tag, description; integer section; texts: definition, drop, COPY
//             statement, schema, tablespace, (from 1.14) access method; (from 1.16) integer kind;
//             texts: owner, "false"; texts with the ids it depends on until an absent one; an
//             offset: a byte (1 unknown, 2 known, 3 no data) and where its data begin
//   data      per entry that has some: a byte (1 rows, 3 large objects), the integer id. Rows are
//             chunks: an integer size and so many bytes, until size 0. Large objects are an integer
//             oid and chunks each, until oid 0
//
// An integer is a byte (1: negative) and its bytes, the lowest first. A text is an integer size
// (-1: absent) and its bytes. Nothing marks the end: the archive is whole when every entry has had
// its data and no byte is left.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "host/base/error.hpp"
#include "host/base/text.hpp"
#include "host/pg/dump_inspector.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "inspect.dump";
constexpr std::size_t kFixedBytes = 11;  // of the header
constexpr std::size_t kIntegerBytes = 5;
constexpr std::size_t kKeptBytes = 512;  // of a text; names have at most 252
constexpr std::int64_t kMaxEntries = 100'000'000;

/// The bytes to come; what is cut off at the end of a piece is kept until it is whole.
class Cursor {
 public:
  void feed(std::string_view in) { in_ = in; }
  std::uint64_t offset() const { return offset_; }
  bool between_elements() const { return part_.empty() || whole_; }

  /// `size` bytes in a row, or nothing while there are not so many.
  const char* take(std::size_t size) {
    if (std::exchange(whole_, false)) part_.clear();
    if (part_.empty() && in_.size() >= size) return some(size).data();
    part_ += some(size - part_.size());
    whole_ = part_.size() == size;
    return whole_ ? part_.data() : nullptr;
  }

  /// Up to `most` bytes; empty when there are none.
  std::string_view some(std::uint64_t most) {
    const std::string_view out = in_.substr(0, most);
    in_.remove_prefix(out.size());
    offset_ += out.size();
    return out;
  }

 private:
  std::string_view in_;
  std::string part_;
  bool whole_ = false;
  std::uint64_t offset_ = 0;
};

enum class Shape { byte, integer, text, texts, offset };

enum class Field {
  other,
  dumped_from,
  dumped_by,
  count,
  id,
  has_data,
  tag,
  description,
  section,
  schema,
  offset,
};

struct Element {
  Shape shape;
  Field field = Field::other;
};

std::vector<Element> header_elements(int minor) {
  std::vector<Element> out{{minor >= 15 ? Shape::byte : Shape::integer}};
  out.insert(out.end(), 7, {Shape::integer});
  out.insert(out.end(), {{Shape::text},
                         {Shape::text, Field::dumped_from},
                         {Shape::text, Field::dumped_by},
                         {Shape::integer, Field::count}});
  return out;
}

std::vector<Element> entry_elements(int minor) {
  std::vector<Element> out{{Shape::integer, Field::id},
                           {Shape::integer, Field::has_data},
                           {Shape::text},
                           {Shape::text},
                           {Shape::text, Field::tag},
                           {Shape::text, Field::description},
                           {Shape::integer, Field::section},
                           {Shape::text},
                           {Shape::text},
                           {Shape::text},
                           {Shape::text, Field::schema},
                           {Shape::text}};
  if (minor >= 14) out.push_back({Shape::text});
  if (minor >= 16) out.push_back({Shape::integer});
  out.insert(out.end(),
             {{Shape::text}, {Shape::text}, {Shape::texts}, {Shape::offset, Field::offset}});
  return out;
}

/// What is known of the entry being read.
struct Entry {
  std::int64_t id = 0;
  bool has_data = false;
  std::string tag, description, schema;
};

/// An entry whose data are still to come.
struct Awaited {
  std::string name;
  std::optional<std::uint64_t> offset;
};

class ArchiveInspector final : public DumpInspector {
 public:
  ArchiveInspector() {
    facts_.format = DumpFormat::custom;
    facts_.large_objects = 0;
  }

  void write(std::string_view in) override {
    cursor_.feed(in);
    while (step()) {
    }
  }

  void finish() override {
    if (at_ != At::block || !cursor_.between_elements()) {
      throw Error(ErrorKind::corrupt, kOp,
                  fmt::format("the archive is cut short at byte {}", cursor_.offset()));
    }
    if (awaited_.empty()) return;
    const auto first = std::min_element(
        awaited_.begin(), awaited_.end(),
        [](const auto& a, const auto& b) { return a.second.name < b.second.name; });
    throw Error(ErrorKind::corrupt, kOp,
                fmt::format("the archive is cut short at byte {}: the data of {} of its entries "
                            "are missing, such as '{}'",
                            cursor_.offset(), awaited_.size(), first->second.name));
  }

  const DumpFacts& facts() const override { return facts_; }
  std::optional<std::uint64_t> toc_end() const override { return toc_end_; }

 private:
  enum class At { start, header, entry, block, chunk, payload, large_object };

  Error corrupt(const std::string& what) const {
    return {ErrorKind::corrupt, kOp,
            fmt::format("{} before byte {} of the archive", what, cursor_.offset())};
  }

  /// One element; false when there are not enough bytes.
  bool step() {
    switch (at_) {
      case At::start:
        return start();
      case At::header:
      case At::entry:
        return element();
      case At::block:
        return block();
      case At::chunk:
        return chunk();
      case At::payload:
        left_ -= cursor_.some(left_).size();
        if (left_ == 0) at_ = At::chunk;
        return left_ == 0;
      case At::large_object:
        return large_object();
    }
    return false;
  }

  bool start() {
    const char* bytes = cursor_.take(kFixedBytes);
    if (bytes == nullptr) return false;
    const std::string_view head(bytes, kFixedBytes);
    if (!head.starts_with("PGDMP")) throw corrupt("no custom archive begins");
    minor_ = static_cast<unsigned char>(head[6]);
    if (head[5] != 1 || minor_ < 12 || minor_ > 16) {
      throw corrupt(fmt::format("the unknown archive version {}.{}",
                                static_cast<unsigned char>(head[5]), minor_))
          .hint("1.12 to 1.16 are known; a newer pgbak may know it");
    }
    offset_bytes_ = static_cast<unsigned char>(head[9]);
    if (head[8] != 4 || (offset_bytes_ != 4 && offset_bytes_ != 8)) {
      throw corrupt("integers or offsets of an unknown size");
    }
    if (head[10] != 1) throw corrupt("a format that is not custom").hint("use pg_dump -Fc");
    elements_ = header_elements(minor_);
    at_ = At::header;
    return true;
  }

  std::int64_t integer(const char* bytes) const {
    if (bytes[0] != 0 && bytes[0] != 1) throw corrupt("an integer without a sign");
    std::int64_t value = 0;
    for (int i = 4; i > 0; --i) value = value * 256 + static_cast<unsigned char>(bytes[i]);
    return bytes[0] == 1 ? -value : value;
  }

  // --- header and contents ----------------------------------------------------------------------

  bool element() {
    const Element& now = elements_[index_];
    if (now.shape == Shape::text || now.shape == Shape::texts) {
      if (!text()) return false;
      if (now.shape == Shape::texts && !absent_) return true;
      keep_text(now.field);
    } else {
      const std::size_t size = now.shape == Shape::byte      ? 1
                               : now.shape == Shape::integer ? kIntegerBytes
                                                             : 1 + offset_bytes_;
      const char* bytes = cursor_.take(size);
      if (bytes == nullptr) return false;
      if (now.shape == Shape::integer) keep_integer(now.field, integer(bytes));
      if (now.shape == Shape::offset) keep_entry(bytes);
    }
    if (++index_ == elements_.size()) next_entry();
    return true;
  }

  /// Reads a text into text_, at most kKeptBytes of it.
  bool text() {
    if (!in_text_) {
      const char* bytes = cursor_.take(kIntegerBytes);
      if (bytes == nullptr) return false;
      const std::int64_t size = integer(bytes);
      if (size < -1) throw corrupt("a text of a negative size");
      absent_ = size < 0;
      left_ = static_cast<std::uint64_t>(std::max<std::int64_t>(0, size));
      text_.clear();
      in_text_ = true;
    }
    const std::string_view some = cursor_.some(left_);
    text_ += some.substr(0, kKeptBytes - std::min(kKeptBytes, text_.size()));
    left_ -= some.size();
    in_text_ = left_ > 0;
    return !in_text_;
  }

  void keep_text(Field field) {
    if (field == Field::dumped_from) facts_.dumped_from = text_;
    if (field == Field::dumped_by) facts_.dumped_by = text_;
    if (field == Field::tag) entry_.tag = text_;
    if (field == Field::description) entry_.description = text_;
    if (field == Field::schema) entry_.schema = text_;
  }

  void keep_integer(Field field, std::int64_t value) {
    const auto check = [&](bool good, const char* what) {
      if (!good) throw corrupt(fmt::format("{} of {}", what, value));
    };
    if (field == Field::count) {
      check(value >= 0 && value <= kMaxEntries, "a number of entries");
      facts_.toc_entries = static_cast<std::uint64_t>(value);
    } else if (field == Field::id) {
      check(value > 0, "an entry's number");
      entry_.id = value;
    } else if (field == Field::has_data) {
      check(value == 0 || value == 1, "a mark for data");
      entry_.has_data = value == 1;
    } else if (field == Field::section) {
      check(value >= 1 && value <= 4, "a section");
    }
  }

  /// With the last element of an entry, which tells where its data are.
  void keep_entry(const char* bytes) {
    enum : char { kUnknown = 1, kKnown = 2, kNone = 3 };
    if (bytes[0] < kUnknown || bytes[0] > kNone) throw corrupt("an unknown kind of offset");
    const std::string name = entry_.schema.empty() ? entry_.tag : entry_.schema + "." + entry_.tag;
    if (entry_.description == "TABLE DATA")
      facts_.tables.push_back({entry_.schema, entry_.tag, {}});
    if (!entry_.has_data) return;
    Awaited awaited{entry_.description + " " + name, {}};
    if (bytes[0] == kKnown) {
      std::uint64_t offset = 0;
      for (std::size_t i = offset_bytes_; i > 0; --i) {
        offset = offset * 256 + static_cast<unsigned char>(bytes[i]);
      }
      awaited.offset = offset;
    }
    if (!awaited_.emplace(entry_.id, std::move(awaited)).second) {
      throw corrupt(fmt::format("a second entry {}", entry_.id));
    }
  }

  void next_entry() {
    if (at_ == At::header) {
      elements_ = entry_elements(minor_);
      at_ = At::entry;
    } else {
      ++entries_;
    }
    entry_ = {};
    index_ = 0;
    if (entries_ < facts_.toc_entries) return;
    toc_end_ = cursor_.offset();
    at_ = At::block;
  }

  // --- data -------------------------------------------------------------------------------------

  bool block() {
    constexpr char kRows = 1;
    constexpr char kLargeObjects = 3;
    const char* bytes = cursor_.take(1 + kIntegerBytes);
    if (bytes == nullptr) return false;
    const std::int64_t id = integer(bytes + 1);
    const auto found = awaited_.find(id);
    if ((bytes[0] != kRows && bytes[0] != kLargeObjects) || found == awaited_.end()) {
      throw corrupt(
          fmt::format("data of the unknown kind {} or entry {}", static_cast<int>(bytes[0]), id));
    }
    const std::uint64_t offset = cursor_.offset() - 1 - kIntegerBytes;
    if (found->second.offset.value_or(offset) != offset) {
      throw corrupt(
          fmt::format("the data of '{}' in another place than expected", found->second.name));
    }
    awaited_.erase(found);
    in_large_objects_ = bytes[0] == kLargeObjects;
    at_ = in_large_objects_ ? At::large_object : At::chunk;
    return true;
  }

  bool chunk() {
    const char* bytes = cursor_.take(kIntegerBytes);
    if (bytes == nullptr) return false;
    const std::int64_t size = integer(bytes);
    if (size < 0) throw corrupt("data of a negative size");
    left_ = static_cast<std::uint64_t>(size);
    const At end = in_large_objects_ ? At::large_object : At::block;
    at_ = left_ > 0 ? At::payload : end;
    return true;
  }

  bool large_object() {
    const char* bytes = cursor_.take(kIntegerBytes);
    if (bytes == nullptr) return false;
    const bool end = integer(bytes) == 0;
    if (!end) ++*facts_.large_objects;
    at_ = end ? At::block : At::chunk;
    return true;
  }

  DumpFacts facts_;
  Cursor cursor_;
  At at_ = At::start;
  int minor_ = 0;
  std::size_t offset_bytes_ = 8;

  std::vector<Element> elements_;
  std::size_t index_ = 0;  // of the element to come
  std::string text_;
  bool in_text_ = false, absent_ = false;
  std::uint64_t left_ = 0;  // bytes of a text or chunk
  Entry entry_;
  std::uint64_t entries_ = 0;  // read
  std::optional<std::uint64_t> toc_end_;
  std::unordered_map<std::int64_t, Awaited> awaited_;
  bool in_large_objects_ = false;
};

}  // namespace

std::unique_ptr<DumpInspector> archive_inspector() { return std::make_unique<ArchiveInspector>(); }

}  // namespace pgbak
