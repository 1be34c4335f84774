// What pgbak asks of pg_dump, and what it believes: fake pg_dumps that fail in every way seen in
// the field.
#include "host/pg/dump.hpp"

#include <algorithm>

#include "tests/support/caught.hpp"
#include "tests/support/drain.hpp"
#include "tests/support/files.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;

namespace {

const std::string kKey = "Lc81nWHMkRNmZDjgw0OqgdlWokgA40ArcVfP1NPUo04Dh7ZuuXba7UmlTrAWBfY";
const std::string kHead = "--\n-- PostgreSQL database dump\n--\n\n";
const std::string kBody = "CREATE TABLE public.t (a integer);\n\n";
const std::string kTrailer = "\n--\n-- PostgreSQL database dump complete\n--\n\n";

const Target& shop() {
  static const Target target =
      Target::from_fields({{"host", "h"}, {"dbname", "shop"}, {"password", "geheim s'il\\"}});
  return target;
}

std::vector<std::string> args(const DumpOptions& options) {
  return pg_dump_command({"/bin/pg_dump", "15.1", 15}, shop(), options).args;
}

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// A pg_dump that runs `body` in its own directory.
class FakeDump {
 public:
  explicit FakeDump(const std::string& body) {
    tool_ = {write_script(dir_ / "pg_dump", "cd '" + dir_.path() + "'\n" + body), "15.1", 15};
  }
  /// One that prints exactly `output` and exits 0.
  static FakeDump printing(const std::string& output) { return {output, 0}; }

  std::unique_ptr<Source> source(const DumpOptions& options = {}) const {
    return dump_source(tool_, shop(), options);
  }
  std::string run(const DumpOptions& options = {}) const {
    const Stop stop;
    return drain(*source(options), stop);
  }
  std::string run_globals() const {
    const Stop stop;
    return drain(*globals_source(tool_, shop(), {}), stop);
  }
  std::string file(const std::string& name) const { return dir_ / name; }

 private:
  FakeDump(const std::string& output, int) : FakeDump("cat output") {
    write_file(dir_ / "output", output);
  }
  TempDir dir_;
  Tool tool_;
};

DumpOptions custom() {
  DumpOptions options;
  options.format = DumpFormat::custom;
  return options;
}

}  // namespace

TEST_CASE("the command line of pg_dump says what was asked, and no secret", "[pg]") {
  DumpOptions options;
  const std::vector<std::string> plain = args(options);
  CHECK(has(plain, "--no-password"));
  CHECK(has(plain, "--format=plain"));
  CHECK(has(plain, "--lock-wait-timeout=60000"));
  CHECK(std::ranges::none_of(plain, [](const auto& each) { return each.starts_with("--snap"); }));
  options.snapshot = "00000003-0000001B-1";
  CHECK(has(args(options), "--snapshot=00000003-0000001B-1"));
  CHECK(has(plain, "--dbname=" + shop().public_conninfo()));
  for (const std::string& arg : plain) {
    CHECK_THAT(arg, !ContainsSubstring("geheim") && !ContainsSubstring("compress"));
  }

  options.schema_only = options.no_owner = options.no_privileges = true;
  options.schemas = {"a", "b*"};
  options.exclude_schemas = {"c"};
  options.tables = {"t"};
  options.exclude_tables = {"-u"};
  options.lock_wait_timeout = std::chrono::milliseconds(0);
  options.extra = {"--verbose", "--exclude-table-data=log.*"};
  const std::vector<std::string> full = args(options);
  for (const char* each : {"--schema-only", "--no-owner", "--no-privileges", "--schema=a",
                           "--schema=b*", "--exclude-schema=c", "--table=t", "--exclude-table=-u",
                           "--verbose", "--exclude-table-data=log.*"}) {
    INFO(each);
    CHECK(has(full, each));
  }
  CHECK(std::none_of(full.begin(), full.end(),
                     [](const std::string& arg) { return arg.starts_with("--lock-wait"); }));

  const ChildSpec command = pg_dump_command({"/bin/pg_dump", "15.1", 15}, shop(), options);
  CHECK(command.program == "/bin/pg_dump");
  REQUIRE(command.env.size() == 1);
  CHECK(command.env[0].second == "geheim s'il\\");
}

TEST_CASE("the custom format is compressed by pg_dump only when a level is given", "[pg]") {
  DumpOptions options = custom();
  CHECK(has(args(options), "--format=custom"));
  CHECK(has(args(options), "--compress=0"));
  options.level = 7;
  CHECK(has(args(options), "--compress=7"));
}

TEST_CASE("options that exclude each other are refused", "[pg]") {
  DumpOptions both;
  both.schema_only = both.data_only = true;
  CHECK_THAT(caught([&] { args(both); }).message(), ContainsSubstring("schema_only and data_only"));
  DumpOptions level;
  level.level = 6;
  CHECK(caught_kind([&] { args(level); }) == "config");
  CHECK_THAT(caught([&] { args(level); }).message(), ContainsSubstring("level 6"));
  DumpOptions high = custom();
  high.level = 10;
  CHECK_THAT(caught([&] { args(high); }).message(), ContainsSubstring("level 10"));
  DumpOptions negative;
  negative.lock_wait_timeout = std::chrono::milliseconds(-1);
  CHECK(caught_kind([&] { args(negative); }) == "config");
}

TEST_CASE("extra options cannot take the output or the login away, however spelt", "[pg]") {
  const std::string option = GENERATE(
      as<std::string>{}, "--file=/tmp/x", "--file", "--fil=x", "-f", "-fx", "-vfx", "--format=d",
      "-Fd", "--form=t", "--jobs=2", "-j2", "-j", "--compress=9", "-Z", "-Z9", "-sZ9", "--dbname=x",
      "-d", "-dx", "--host=x", "-hx", "--port=1", "-p1", "--username=x", "-Ux", "-W", "--password");
  DumpOptions options;
  options.extra = {option};
  const Error error = caught([&] { args(options); });
  INFO(option);
  CHECK(kind_of(error) == "config");
  CHECK_THAT(error.message(), ContainsSubstring("'" + option + "'"));
  CHECK(!error.hint().empty());
}

TEST_CASE("other extra options pass", "[pg]") {
  DumpOptions options;
  // In "-nfoo" and "-Ejfd" the letters after the first are a value.
  options.extra = {"--verbose", "-nfoo", "-T", "file", "--inserts", "-xvO", "-Ejfd", "--if-exists"};
  CHECK_NOTHROW(args(options));
}

TEST_CASE("a complete plain dump is believed, restricted or not", "[pg]") {
  // field.md, 22
  const std::string old_style = kHead + kBody + kTrailer;
  CHECK(FakeDump::printing(old_style).run() == old_style);
  const std::string restricted =
      kHead + "\\restrict " + kKey + "\n\n" + kBody + kTrailer + "\\unrestrict " + kKey + "\n\n";
  CHECK(FakeDump::printing(restricted).run() == restricted);
  CHECK_NOTHROW(FakeDump::printing(kHead + std::string(200000, 'x') + "\n" + kTrailer).run());
}

TEST_CASE("a plain dump must not lead a restore to another database", "[pg]") {
  for (const char* option : {"--create", "--crea", "-C", "-vC"}) {
    INFO(option);
    DumpOptions options;
    options.extra = {option};
    const Error error = caught([&] { args(options); });
    CHECK(kind_of(error) == "config");
    CHECK_THAT(error.message(), ContainsSubstring(option));
    DumpOptions archive = custom();  // pg_restore decides there
    archive.extra = {option};
    CHECK(has(args(archive), option));
  }
}

TEST_CASE("a plain dump cut anywhere is refused although pg_dump exited 0", "[pg]") {
  // field.md, 1, 2, 4, 6
  const std::string whole =
      kHead + "\\restrict " + kKey + "\n\n" + kBody + kTrailer + "\\unrestrict " + kKey + "\n\n";
  // The last newline alone is no loss.
  for (std::size_t size = 1; size + 1 < whole.size(); ++size) {
    const Error error = caught([&] { FakeDump::printing(whole.substr(0, size)).run(); });
    INFO("cut to " << size << " bytes");
    REQUIRE(kind_of(error) == "corrupt");
    REQUIRE_THAT(error.message(), ContainsSubstring("pg_dump of 'shop' exited with status 0 but"));
  }
  const Error cut = caught([&] { FakeDump::printing(kHead + kBody).run(); });
  CHECK_THAT(cut.message(),
             ContainsSubstring("'-- PostgreSQL database dump complete': the dump is cut short"));
}

TEST_CASE("what merely looks like a dump's end is refused", "[pg]") {
  for (const std::string& output :
       {kHead + kTrailer + "INSERT INTO t VALUES (1);\n", kBody + kTrailer,
        "\n" + kHead + kBody + kTrailer, kHead + "x" + kTrailer.substr(4),
        kHead + "\\restrict abc\n" + kBody + kTrailer + "\\unrestrict abd\n\n"}) {
    INFO(output);
    CHECK(caught_kind([&] { FakeDump::printing(output).run(); }) == "corrupt");
  }
}

TEST_CASE("empty output is refused in both formats", "[pg]") {
  // field.md, 2 and 4
  for (const DumpOptions& options : {DumpOptions{}, custom()}) {
    const Error error = caught([&] { FakeDump("exit 0").run(options); });
    CHECK(kind_of(error) == "corrupt");
    CHECK(error.message() == "pg_dump of 'shop' exited with status 0 but wrote nothing");
  }
}

TEST_CASE("a custom archive is known by its first bytes", "[pg]") {
  CHECK_NOTHROW(FakeDump::printing("PGDMP\x01\x0e").run(custom()));
  const Error error = caught([&] { FakeDump::printing("PGDM").run(custom()); });
  CHECK(kind_of(error) == "corrupt");
  CHECK_THAT(error.message(), ContainsSubstring("not a custom archive"));
}

TEST_CASE("globals have their own title", "[pg]") {
  const std::string globals = "--\n-- PostgreSQL database cluster dump\n--\n\n\\restrict " + kKey +
                              "\n\nCREATE ROLE joe;\n\n\\unrestrict " + kKey +
                              "\n\n--\n-- PostgreSQL database cluster dump complete\n--\n\n";
  CHECK(FakeDump::printing(globals).run_globals() == globals);
  CHECK(caught_kind([&] { FakeDump::printing(globals.substr(0, 200)).run_globals(); }) ==
        "corrupt");
  CHECK(caught_kind([&] { FakeDump::printing(kHead + kTrailer).run_globals(); }) == "corrupt");
}

TEST_CASE("the exit status decides, whatever was written and said", "[pg]") {
  // field.md, 1 and 5
  const FakeDump failing("cat output; echo 'pg_dump: error: boom' >&2; exit 1");
  write_file(failing.file("output"), kHead + kBody + kTrailer);
  const Error error = caught([&] { failing.run(); });
  CHECK(kind_of(error) == "process");
  CHECK_THAT(error.text(), ContainsSubstring("pg_dump of 'shop'") &&
                               ContainsSubstring("exited with status 1") &&
                               ContainsSubstring("boom"));

  const FakeDump noisy("cat output; echo 'pg_dump: error: only words' >&2");
  write_file(noisy.file("output"), kHead + kBody + kTrailer);
  CHECK_NOTHROW(noisy.run());

  const Error killed = caught([&] { FakeDump("kill -9 $$").run(); });
  CHECK(kind_of(killed) == "process");
  CHECK_THAT(killed.text(), ContainsSubstring("signal 9"));
}

TEST_CASE("pg_dump gets its password by the environment and starts at the first read", "[pg]") {
  const FakeDump fake("touch started; printf %s \"$PGPASSWORD\" >password; printf PGDMP");
  const std::unique_ptr<Source> source = fake.source(custom());
  CHECK(!std::filesystem::exists(fake.file("started")));
  const Stop stop;
  drain(*source, stop);
  std::ifstream file(fake.file("password"));
  CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == "geheim s'il\\");
}

TEST_CASE("a pg_dump that is gone is unavailable", "[pg]") {
  const Stop stop;
  const Error error = caught([&] {
    drain(*dump_source({"/nowhere/pg_dump", "15.1", 15}, shop(), {}), stop);
  });
  CHECK(kind_of(error) == "unavailable");
  CHECK_THAT(error.text(), ContainsSubstring("/nowhere/pg_dump"));
}
