#include "host/pg/scratch_cluster.hpp"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "host/base/file.hpp"
#include "host/base/text.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/files.hpp"
#include "tests/support/pg_server.hpp"
#include "tests/support/scoped_env.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;
namespace fs = std::filesystem;

namespace {

ToolSearch installed() { return {pg_server::variable("PGBAK_TEST_BINDIR"), "BINDIR", {}}; }

/// A directory that the server's user can enter.
struct Place : TempDir {
  Place() { fs::permissions(path(), fs::perms(0711)); }
};

ClusterOptions in(const Place& place, const DatabaseShape& shape = {}) {
  return {pg_server::tool("initdb").major, place.path(), shape};
}

std::string value(const Target& target, const std::string& sql) {
  const Stop stop;
  return Connection(target, stop).query(sql).rows.at(0).at(0).value_or("NULL");
}

bool runs(pid_t pid) { return ::kill(pid, 0) == 0; }

/// Puts an initdb of that version into `place`.
ToolSearch fake_initdb(const Place& place, const std::string& body) {
  write_script(place / "bin/initdb",
               "[ \"$1\" = --version ] && echo 'initdb (PostgreSQL) 15.1' && exit\n" + body);
  fs::permissions(place / "bin", fs::perms(0755));
  return {place / "bin", "BINDIR", {}};
}

/// Nothing but the fake is left.
void check_nothing_left(const Place& place) {
  for (const auto& entry : fs::directory_iterator(place.path())) {
    CHECK(entry.path().filename() == "bin");
  }
}

}  // namespace

TEST_CASE("a throwaway cluster has one empty database, no TCP, and leaves nothing", "[pg]") {
  const Place place;
  const Stop stop;
  const auto cluster = scratch_cluster(in(place), installed(), stop);
  const Target target = cluster->target();

  CHECK(std::string(cluster->kind()) == "cluster");
  CHECK(cluster->server().major() == pg_server::tool("initdb").major);
  CHECK(value(target,
              "select count(*)::text from pg_class where relnamespace ="
              " 'public'::regnamespace") == "0");
  CHECK(value(target, "select current_setting('listen_addresses')").empty());
  CHECK(value(target, "select current_setting('fsync')") == "off");
  CHECK(value(target, "select rolname from pg_roles where rolsuper") == "pgbak_scratch");
  CHECK(cluster->notes().empty());
  CHECK(fs::path(cluster->directory()).parent_path() == place.path());

  const Target second = cluster->new_database("it's");
  CHECK(value(second, "select current_database()") == "it's");
  CHECK(caught_kind([&] { cluster->new_database("it's"); }) == "exists");
  Connection guest(second, stop);  // does not keep it from being dropped
  cluster->drop_database("it's");
  cluster->drop_database("it's");
  CHECK(caught_kind([&] { Connection(second, stop); }) == "not_found");

  const std::string row = "row 4711";
  CHECK(caught_kind([&] { value(target, "select ('" + row + "')::int::text"); }) == "process");
  CHECK_THAT(cluster->log_tail(),
             ContainsSubstring("ready to accept connections") && !ContainsSubstring("select ('"));

  const std::string pid_file = read_file(cluster->directory() + "/data/postmaster.pid");
  const pid_t postmaster = std::stoi(pid_file);
  REQUIRE(runs(postmaster));
  Connection busy(target, stop);
  cluster->close();
  cluster->close();
  CHECK_FALSE(runs(postmaster));
  check_nothing_left(place);
}

TEST_CASE("two throwaway clusters live side by side, and a sweep leaves them alone", "[pg]") {
  const Place place;
  const Stop stop;
  const auto first = scratch_cluster(in(place), installed(), stop);
  auto second = scratch_cluster(in(place), installed(), stop);  // sweeps first
  CHECK(first->directory() != second->directory());
  second.reset();
  CHECK(value(first->target(), "select 'alive'") == "alive");
}

TEST_CASE("the database is of the source's encoding, or nearly of its locale, with a note",
          "[pg]") {
  // field.md, 26
  const Place place;
  const Stop stop;
  const std::string sql =
      "select pg_encoding_to_char(encoding) || ' ' || datcollate from pg_database"
      " where datname = current_database()";
  const auto cluster = scratch_cluster(
      in(place, {"UTF8", "xx_YY.UTF-8", "xx_YY.UTF-8", "libc", ""}), installed(), stop);
  CHECK(value(cluster->target(), sql) == "UTF8 C.UTF-8");
  CHECK(cluster->notes() ==
        std::vector<std::string>{"locale xx_YY.UTF-8 not installed, C.UTF-8 instead"});

  const Stop never;
  Connection server(cluster->server_target(), never);
  std::vector<std::string> notes;
  const auto make = [&](const std::string& name, const DatabaseShape& shape) {
    notes.clear();
    create_database(server, cluster->server(), name, shape, notes);
    return value(cluster->server_target().with_database(name), sql);
  };
  CHECK(make("latin", {"LATIN1", "de_XX", "C", "libc", ""}) == "LATIN1 C");
  CHECK(notes == std::vector<std::string>{"locale de_XX not installed, C instead"});
  CHECK(make("plain", {"UTF8", "C", "C.UTF-8", "libc", ""}) == "UTF8 C");
  CHECK(notes.empty());
  CHECK(make("unknown", {}) == "UTF8 C.UTF-8");
  CHECK(notes.empty());
  if (cluster->server().major() < 17) {  // no builtin locales yet
    CHECK(make("builtin", {"UTF8", "C", "C", "builtin", "C.UTF-8"}) == "UTF8 C");
    if (cluster->server().major() >= 15) {
      CHECK(notes == std::vector<std::string>{"the server lacks the builtin locale C.UTF-8, the C "
                                              "library's C instead"});
    }
  }
  CHECK(caught_kind([&] { make("klingon", {"KLINGON", "", "", "", ""}); }) == "not_found");
}

TEST_CASE("an ICU locale is kept where the server has it, and a newer server is noted", "[pg]") {
  const Place place;
  const Stop stop;
  ClusterOptions options = in(place, {"UTF8", "xx_YY.UTF-8", "xx_YY.UTF-8", "icu", "de-DE"});
  const std::string have = std::to_string(options.major);
  const std::string want = std::to_string(--options.major);
  const auto cluster = scratch_cluster(options, installed(), stop);
  REQUIRE_FALSE(cluster->notes().empty());
  CHECK(cluster->notes().front() == "server " + have + ", the dump is of " + want);
  if (cluster->server().major() < 15) return;
  CHECK(value(cluster->target(),
              "select datlocprovider::text from pg_database where datname = current_database()") ==
        "i");
  CHECK(cluster->notes().back() == "locale xx_YY.UTF-8 not installed, C.UTF-8 instead");
}

TEST_CASE("the user's PG variables lead nobody away from a throwaway cluster", "[pg]") {
  const Place place;
  const Stop stop;
  const ScopedEnv host("PGHOST", "db.example"), port("PGPORT", "1"), user("PGUSER", "app"),
      database("PGDATABASE", "shop"), data("PGDATA", "/nonexistent"),
      options("PGOPTIONS", "-c search_path=evil"), binding("PGCHANNELBINDING", "require"),
      attributes("PGTARGETSESSIONATTRS", "standby"), gss("PGGSSENCMODE", "require");
  {
    const auto cluster = scratch_cluster(in(place), installed(), stop);
    CHECK(
        value(cluster->target(), "select current_user || ' ' || current_setting('search_path')") ==
        "pgbak_scratch \"$user\", public");
  }
  const ScopedEnv address("PGHOSTADDR", "127.0.0.1");
  const Error error = caught([&] { scratch_cluster(in(place), installed(), stop); });
  CHECK(kind_of(error) == "config");
  CHECK_THAT(error.message(), ContainsSubstring("PGHOSTADDR"));
  check_nothing_left(place);
}

TEST_CASE("a path that no socket can have gets a short one beside it", "[pg]") {
  const Place place;
  const Stop stop;
  const std::string odd = place / "with blank, comma 'quote'/" + std::string(90, 'x');
  fs::create_directories(odd);
  fs::permissions(place / "with blank, comma 'quote'", fs::perms(0711));
  fs::permissions(odd, fs::perms(0711));
  ClusterOptions options = in(place);
  options.directory = odd;
  const auto cluster = scratch_cluster(options, installed(), stop);
  CHECK(value(cluster->target(), "select 'there'") == "there");
  const std::string socket = cluster->target().setting("host");
  CHECK(socket.starts_with("/tmp/pgbak-scratch."));
  CHECK(cluster->directory().starts_with(odd));
  cluster->close();
  CHECK_FALSE(fs::exists(fs::path(socket).parent_path()));
  CHECK(fs::is_empty(odd));
}

TEST_CASE("without a server of that major or a newer one the package is named", "[pg]") {
  // field.md, 21
  const Place place;
  const Stop stop;
  ClusterOptions options = in(place);
  options.major = 99;
  const Error error = caught([&] { scratch_cluster(options, installed(), stop); });
  CHECK(kind_of(error) == "unavailable");
  CHECK_THAT(error.message(), ContainsSubstring("no initdb for server major 99"));
  CHECK_THAT(error.hint(), ContainsSubstring("install postgresql-99,"));
  check_nothing_left(place);
}

TEST_CASE("an initdb that fails, hangs or is stopped leaves nothing", "[pg]") {
  const Place place;
  Stop stop;
  const auto cluster = [&](const ToolSearch& search, std::chrono::milliseconds timeout) {
    scratch_cluster({15, place.path(), {}, timeout}, search, stop);
  };
  const Error failed = caught([&] {
    cluster(fake_initdb(place, "echo 'initdb: error: out of luck' >&2; exit 3"),
            std::chrono::seconds(60));
  });
  CHECK(kind_of(failed) == "process");
  CHECK(failed.message() == "initdb exited with status 3: initdb: error: out of luck");
  check_nothing_left(place);

  const Error full = caught([&] {
    cluster(
        fake_initdb(place, "echo 'FATAL:  could not write: No space left on device' >&2;exit 1"),
        std::chrono::seconds(60));
  });
  CHECK(kind_of(full) == "io");
  CHECK_THAT(full.message(), ContainsSubstring("no space") && ContainsSubstring(place.path()));

  const ToolSearch hangs = fake_initdb(place, "echo $$ >pid; sleep 1000");
  CHECK(caught_kind([&] { cluster(hangs, std::chrono::milliseconds(300)); }) == "timeout");
  check_nothing_left(place);

  std::jthread stopper([&] {
    const auto started = [&] {
      for (const auto& entry : fs::directory_iterator(place.path())) {
        if (fs::exists(entry.path() / "data/pid")) return true;
      }
      return false;
    };
    for (int i = 0; i < 1000 && !started(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    stop.request();
  });
  CHECK(caught_kind([&] { cluster(hangs, std::chrono::seconds(60)); }) == "cancelled");
  check_nothing_left(place);
}

TEST_CASE("a directory that the server's user cannot enter is named", "[pg]") {
  if (::geteuid() != 0) return;  // then it is the user of the test
  const TempDir closed;          // mode 0700
  const Stop stop;
  const Error error = caught([&] {
    scratch_cluster({pg_server::tool("initdb").major, closed.path()}, installed(), stop);
  });
  CHECK(kind_of(error) == "permission");
  CHECK_THAT(error.message(),
             ContainsSubstring("cannot enter") && ContainsSubstring(closed.path()));
  CHECK_THAT(error.hint(), ContainsSubstring("TMPDIR"));
  CHECK(fs::is_empty(closed.path()));
}
