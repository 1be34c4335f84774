// Archives of every version that pg_dump 9.0 to 18 writes, whole, cut and damaged.
#include "tests/support/archive_writer.hpp"
#include "tests/support/inspected.hpp"

using namespace pgbak;

namespace {

const std::vector<ArchiveWriter::Entry> kEntries{
    {1, false, "ENCODING", "", "ENCODING"},    {7, false, "TABLE", "public", "t"},
    {3400, true, "TABLE DATA", "public", "t"}, {3401, true, "TABLE DATA", "S 2", "Ü"},
    {3402, true, "BLOBS", "", "BLOBS"},        {3300, false, "COMMENT", "public", "TABLE t"}};

ArchiveWriter whole(int minor) {
  ArchiveWriter out(minor);
  out.contents(kEntries);
  out.rows(3400, {"1\tone\n", "2\ttwo\n", std::string(9000, 'x')}).rows(3401, {});
  return out.large_objects(3402, {"first", "", std::string(5000, '\0')});
}

DumpFacts facts_of(std::string_view dump, std::size_t piece_bytes = 1U << 20U) {
  return inspected(archive_inspector(), dump, piece_bytes);
}

/// What is said of the archive with `bytes` in the place of those at `at`.
std::string damaged(std::size_t at, const std::string& bytes) {
  std::string dump = whole(14).bytes();
  dump.replace(at, bytes.size(), bytes);
  const Error error = caught([&] { facts_of(dump); });
  CHECK(kind_of(error) == "corrupt");
  return error.message();
}

}  // namespace

TEST_CASE("an archive of each version tells its contents", "[pg]") {
  const int minor = GENERATE(12, 13, 14, 15, 16);
  INFO("version 1." << minor);
  const ArchiveWriter archive = whole(minor);
  for (const std::size_t piece : {1, 2, 5, 11, 64, 4096, 100000}) {
    INFO(piece);
    const DumpFacts facts = facts_of(archive.bytes(), piece);
    CHECK(facts.format == DumpFormat::custom);
    CHECK(tables_of(facts) == "public.t S 2.Ü");
    CHECK(facts.toc_entries == 6U);
    CHECK(facts.large_objects == 3U);
    CHECK(facts.dumped_from == "16.10 (Debian 16.10-1)");
    CHECK(facts.dumped_by == "17.6");
    CHECK(!facts.restricted);
  }
  const auto inspector = archive_inspector();
  inspector->write(std::string_view(archive.bytes()).substr(0, archive.toc_end() - 1));
  CHECK(!inspector->toc_end());
  inspector->write(std::string_view(archive.bytes()).substr(archive.toc_end() - 1));
  CHECK(inspector->toc_end() == archive.toc_end());
}

TEST_CASE("an archive cut at any byte is found, also between two tables", "[pg]") {
  // Custom archives have no end mark.
  const int minor = GENERATE(12, 14, 16);
  require_cuts_found(archive_inspector, whole(minor).bytes());
  const ArchiveWriter none = ArchiveWriter(minor).contents(kEntries);
  CHECK_THAT(caught([&] { facts_of(none.bytes()); }).message(),
             ContainsSubstring("the data of 3 of its entries are missing, such as 'BLOBS BLOBS'"));
}

TEST_CASE("an archive without data is whole", "[pg]") {
  const ArchiveWriter schema = ArchiveWriter(14).contents({kEntries[0], kEntries[1]});
  CHECK(facts_of(schema.bytes()).tables.empty());
  require_cuts_found(archive_inspector, schema.bytes());
  const ArchiveWriter empty = ArchiveWriter(16).contents({});
  CHECK(facts_of(empty.bytes()).toc_entries == 0U);
}

TEST_CASE("data stand where the table of contents says, where it says so", "[pg]") {
  const auto archive = [](std::size_t offset) {
    ArchiveWriter out(14);
    out.contents({{5, true, "TABLE DATA", "public", "t", offset}});
    return out.rows(5, {"x"});
  };
  const std::size_t right = archive(0).toc_end();
  CHECK_NOTHROW(facts_of(archive(right).bytes()));
  CHECK_THAT(caught([&] { facts_of(archive(right + 1).bytes()); }).message(),
             ContainsSubstring("the data of 'TABLE DATA public.t' in another place"));
}

TEST_CASE("damage of an archive is named", "[pg]") {
  const std::size_t data = whole(14).toc_end();
  CHECK_THAT(damaged(0, "X"), ContainsSubstring("no custom archive begins"));
  CHECK_THAT(damaged(5, "\2"), ContainsSubstring("the unknown archive version 2.14"));
  CHECK_THAT(damaged(6, "\x11"), ContainsSubstring("1.17"));
  CHECK_THAT(damaged(6, "\x0B"), ContainsSubstring("1.11"));
  CHECK_THAT(damaged(8, "\x08"), ContainsSubstring("unknown size"));
  CHECK_THAT(damaged(10, "\3"), ContainsSubstring("a format that is not custom"));
  CHECK_THAT(damaged(11, "\2"), ContainsSubstring("an integer without a sign"));
  CHECK_THAT(damaged(data - 9, "\4"), ContainsSubstring("an unknown kind of offset"));
  CHECK_THAT(damaged(data, "\2"), ContainsSubstring("data of the unknown kind 2"));
  CHECK_THAT(damaged(data + 2, "\1"), ContainsSubstring("entry"));
  CHECK_THAT(damaged(data + 6, "\1"), ContainsSubstring("data of a negative size"));
  std::string twice = whole(14).bytes();
  twice += twice.substr(data);
  CHECK_THAT(caught([&] { facts_of(twice); }).message(), ContainsSubstring("entry 3400"));
  CHECK(caught_kind([&] { facts_of(whole(14).bytes() + "x"); }) == "corrupt");
}

TEST_CASE("a second entry of the same number is refused", "[pg]") {
  const ArchiveWriter twice = ArchiveWriter(14).contents({kEntries[2], kEntries[2]});
  CHECK_THAT(caught([&] { facts_of(twice.bytes()); }).message(),
             ContainsSubstring("a second entry 3400"));
}
