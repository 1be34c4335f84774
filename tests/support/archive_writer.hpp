// Writes archives as `pg_dump --format=custom` of any version would, by the layout at the head of
// host/pg/archive_inspector.cpp: most versions are not installed where tests run.
#pragma once

#include <optional>
#include <string>
#include <vector>

class ArchiveWriter {
 public:
  struct Entry {
    int id;
    bool has_data;
    std::string description, schema, tag;
    std::optional<std::size_t> offset = {};  ///< of its data, where pg_dump could seek
  };

  explicit ArchiveWriter(int minor, const std::string& dumped_by = "17.6") : minor_(minor) {
    out_ = std::string("PGDMP\x01", 6);
    out_ += {static_cast<char>(minor), '\0', '\x04', '\x08', '\x01'};
    if (minor >= 15) {
      out_ += '\0';
    } else {
      integer(-1);  // the default level
    }
    for (const int part : {59, 30, 2, 21, 10, 126, -1}) integer(part);
    text("shop");
    text("16.10 (Debian 16.10-1)");
    text(dumped_by);
  }

  ArchiveWriter& contents(const std::vector<Entry>& entries) {
    integer(static_cast<int>(entries.size()));
    for (const Entry& each : entries) entry(each);
    toc_end_ = out_.size();
    return *this;
  }
  ArchiveWriter& rows(int id, const std::vector<std::string>& chunks) {
    out_ += '\x01';
    integer(id);
    data(chunks);
    return *this;
  }
  ArchiveWriter& large_objects(int id, const std::vector<std::string>& objects) {
    out_ += '\x03';
    integer(id);
    for (std::size_t i = 0; i < objects.size(); ++i) {
      integer(16384 + static_cast<int>(i));
      data({objects[i]});
    }
    integer(0);
    return *this;
  }

  const std::string& bytes() const { return out_; }
  std::size_t toc_end() const { return toc_end_; }

 private:
  void integer(int value) {
    out_ += value < 0 ? '\1' : '\0';
    auto rest = static_cast<unsigned>(value < 0 ? -value : value);
    for (int i = 0; i < 4; ++i, rest >>= 8U) out_ += static_cast<char>(rest & 255U);
  }
  void text(const std::string& value) {
    integer(static_cast<int>(value.size()));
    out_ += value;
  }
  void absent() { integer(-1); }
  void data(const std::vector<std::string>& chunks) {
    for (const std::string& chunk : chunks) {
      if (!chunk.empty()) text(chunk);
    }
    integer(0);
  }

  void entry(const Entry& each) {
    integer(each.id);
    integer(each.has_data ? 1 : 0);
    text("1259");
    text("16385");
    text(each.tag);
    text(each.description);
    integer(each.has_data ? 3 : 2);  // section
    text("CREATE TABLE x (\n);\n");
    text("");
    if (each.has_data)
      text("COPY x (a) FROM stdin;\n");
    else
      absent();
    if (each.schema.empty())
      absent();
    else
      text(each.schema);
    absent();                        // tablespace
    if (minor_ >= 14) text("heap");  // access method
    if (minor_ >= 16) integer('r');  // kind
    text("joe");
    text("false");
    text("201");
    text("7");
    absent();
    out_ += each.offset ? '\2' : each.has_data ? '\1' : '\3';
    std::size_t offset = each.offset.value_or(0);
    for (int i = 0; i < 8; ++i, offset >>= 8U) out_ += static_cast<char>(offset & 255U);
  }

  int minor_;
  std::string out_;
  std::size_t toc_end_ = 0;
};
