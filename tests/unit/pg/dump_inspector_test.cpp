// The filter around the inspectors: which format it is, what passes, and what heads tell.
#include "host/pg/dump_inspector.hpp"

#include "host/stream/codec.hpp"
#include "tests/support/archive_writer.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/files.hpp"
#include "tests/support/filter.hpp"
#include "tests/support/stages.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;

namespace {

const std::string kPlain =
    "--\n-- PostgreSQL database dump\n--\n\n\\restrict a1\n\n-- Dumped by pg_dump version 15.20\n"
    "COPY public.\"t\xE4\" (a) FROM stdin;\n1\n\\.\n"
    "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict a1\n\n";

ArchiveWriter archive() {
  ArchiveWriter out(15);
  out.contents({{5, true, "TABLE DATA", "public", "t"}});
  return out.rows(5, {"1\n", "2\n"});
}

struct Ran {
  std::string out, result;
};

Ran run(std::optional<DumpFormat> format, InspectEmit emit, const std::string& in,
        std::size_t piece_bytes) {
  const auto filter = inspect_filter(format, emit);
  Ran ran;
  ran.out = run_filter(*filter, in, [&] { return piece_bytes; });
  ran.result = filter->result();
  return ran;
}

}  // namespace

TEST_CASE("the filter finds out the format and passes on what it is told to", "[pg]") {
  const ArchiveWriter custom = archive();
  const std::string& bytes = custom.bytes();
  for (const std::size_t piece : {1, 3, 100, 100000}) {
    INFO(piece);
    CHECK(run({}, InspectEmit::all, kPlain, piece).out == kPlain);
    CHECK(run({}, InspectEmit::toc, kPlain, piece).out.empty());
    CHECK(run({}, InspectEmit::none, kPlain, piece).out.empty());
    CHECK(run({}, InspectEmit::all, bytes, piece).out == bytes);
    CHECK(run(DumpFormat::custom, InspectEmit::toc, bytes, piece).out ==
          bytes.substr(0, custom.toc_end()));
    CHECK(run({}, InspectEmit::none, bytes, piece).out.empty());
  }
}

TEST_CASE("the result is JSON, whatever the encoding of the names", "[pg]") {
  const Json plain = parse_json(run({}, InspectEmit::none, kPlain, 10).result);
  CHECK(plain == Json{{"format", "plain"},
                      {"restrict", true},
                      {"connects", false},
                      {"tables", {{{"schema", "public"}, {"name", "t\xEF\xBF\xBD"}, {"rows", 1}}}},
                      {"dumped_by", "15.20"}});
  const Json custom = parse_json(run({}, InspectEmit::none, archive().bytes(), 10).result);
  CHECK(custom == Json{{"format", "custom"},
                       {"restrict", false},
                       {"connects", false},
                       {"tables", {{{"schema", "public"}, {"name", "t"}}}},
                       {"dumped_from", "16.10 (Debian 16.10-1)"},
                       {"dumped_by", "17.6"},
                       {"toc_entries", 1},
                       {"large_objects", 0}});
}

TEST_CASE("versions that a stranger wrote move no cursor, and are short", "[pg]") {
  DumpFacts facts;
  facts.dumped_from = "15\x1b[31m";
  facts.dumped_by = "15" + std::string(1000, 'x');
  CHECK(facts.to_json()["dumped_from"] == "15 [31m");
  CHECK(facts.to_json()["dumped_by"].get<std::string>().size() < 100);
}

TEST_CASE("a dump of another format than expected is corrupt, and so is a short one", "[pg]") {
  const auto kind = [](DumpFormat format, const std::string& in) {
    return caught_kind([&] { run(format, InspectEmit::all, in, 50); });
  };
  CHECK(kind(DumpFormat::custom, kPlain) == "corrupt");
  CHECK(kind(DumpFormat::plain, archive().bytes()) == "corrupt");
  for (const std::string text : {"", "P", "PGDM", "PGDMP"}) {
    INFO(text);
    CHECK(caught_kind([&] { run({}, InspectEmit::all, text, 1); }) == "corrupt");
  }
}

TEST_CASE("a head tells what it holds, compressed or not, and is read no further", "[pg]") {
  const Stop stop;
  const std::string rest(1U << 20U, 'x');
  TextSource plain(kPlain + rest);
  DumpFacts facts = inspect_head(plain, nullptr, 100, stop);
  CHECK(facts.restricted);
  CHECK(facts.dumped_by == "15.20");
  CHECK(facts.tables.empty());

  TextSource packed(run_filter(gzip_filter(), kPlain + rest));
  facts = inspect_head(packed, gunzip_filter().get(), 200, stop);
  CHECK(facts.dumped_by == "15.20");

  TextSource custom(archive().bytes());
  facts = inspect_head(custom, nullptr, 110, stop);
  CHECK(facts.format == DumpFormat::custom);
  CHECK(facts.dumped_by == "17.6");

  TextSource nothing("");
  CHECK(inspect_head(nothing, nullptr, 100, stop).dumped_by.empty());
}

TEST_CASE("pg_restore --list judges a table of contents by its exit status", "[pg]") {
  const TempDir dir;
  const Stop stop;
  const std::string reads = write_script(dir / "reads", "[ \"$1\" = --list ] && cat >/dev/null");
  const auto good = toc_sink({reads, "15.20", 15});
  good->write(as_bytes(archive().bytes()), stop);
  CHECK_NOTHROW(good->commit(stop));
  const std::string fails = write_script(dir / "fails", "cat >/dev/null; echo broken >&2; exit 1");
  const auto bad = toc_sink({fails, "15.20", 15});
  bad->write(as_bytes(archive().bytes()), stop);
  const Error error = caught([&] { bad->commit(stop); });
  CHECK(kind_of(error) == "process");
  CHECK_THAT(error.text(), ContainsSubstring("pg_restore --list"));
}
