#include "host/pg/connection.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "tests/support/caught.hpp"
#include "tests/support/files.hpp"
#include "tests/support/pg_server.hpp"
#include "tests/support/scoped_env.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;
using pg_server::Admin;
using pg_server::variable;

namespace {

std::string printable_ascii() {
  std::string all;
  for (char c = ' '; c <= '~'; ++c) all += c;
  return all;
}

std::string percent_encoded(const std::string& text) {
  std::string out;
  for (const unsigned char c : text) {
    char hex[4];
    std::snprintf(hex, sizeof hex, "%%%02X", c);
    out += hex;
  }
  return out;
}

std::string escaped(const std::string& text, const std::string& special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string::npos) out += '\\';
    out += c;
  }
  return out;
}

/// A role that may log in with `password`, dropped at the end.
class ScopedRole {
 public:
  explicit ScopedRole(const std::string& password) {
    Admin()("create role " + name_ + " login password" + pg_server::literal(password));
  }
  ScopedRole(const ScopedRole&) = delete;
  ScopedRole& operator=(const ScopedRole&) = delete;
  ~ScopedRole() { Admin()("drop role " + name_); }

  const std::string& name() const { return name_; }
  /// Over the unix socket, where the server asks for no password.
  Target trusted(const std::string& database = "postgres") const {
    auto settings = pg_server::superuser(database).secret_settings();
    settings["user"] = name_;
    return Target::from_fields(settings);
  }

 private:
  const std::string name_ = "pgbak_login_" + std::to_string(::getpid());
};

void check_login(const Target& target, const ScopedRole& role) {
  const Stop stop;
  Connection connection(target, stop);
  CHECK(connection.query("select current_user || ' ' || current_database()").rows.at(0).at(0) ==
        role.name() + " postgres");
}

/// A TCP socket bound to a free port of 127.0.0.1; it listens only if told to.
class BoundPort {
 public:
  explicit BoundPort(bool listening) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(socket_.get(), generic, size) == 0);
    REQUIRE(::getsockname(socket_.get(), generic, &size) == 0);
    if (listening) REQUIRE(::listen(socket_.get(), 1) == 0);
    port_ = std::to_string(ntohs(address.sin_port));
  }
  const std::string& port() const { return port_; }

 private:
  UniqueFd socket_;
  std::string port_;
};

}  // namespace

TEST_CASE("a password of any characters logs in by every path", "[pg]") {
  // field.md, 24
  const std::string password =
      GENERATE(printable_ascii(), std::string("pässwörd ☃ 密碼"), std::string("a' \\ \"b\" %41"));
  const ScopedRole role(password);
  const std::string port = variable("PGBAK_TEST_PORT");
  const std::map<std::string, std::string> fields{{"host", "127.0.0.1"},
                                                  {"port", port},
                                                  {"user", role.name()},
                                                  {"dbname", "postgres"},
                                                  {"connect_timeout", "10"}};
  const std::string keywords =
      "host=127.0.0.1 port=" + port + " user=" + role.name() + " dbname=postgres";
  const ScopedEnv none("PGPASSWORD", {});
  const TempDir dir;

  SECTION("URI") {
    check_login(Target::parse("postgresql://" + role.name() + ":" + percent_encoded(password) +
                              "@127.0.0.1:" + port + "/postgres"),
                role);
  }
  SECTION("keyword string") {
    check_login(Target::parse(keywords + " password='" + escaped(password, "'\\") + "'"), role);
  }
  SECTION("fields") {
    auto all = fields;
    all["password"] = password;
    check_login(Target::from_fields(all), role);
  }
  SECTION("PGPASSWORD") {
    const ScopedEnv variable_set("PGPASSWORD", password);
    check_login(Target::from_fields(fields), role);
  }
  SECTION("passfile") {
    const ScopedEnv file(
        "PGPASSFILE", write_file(dir / "pgpass", "127.0.0.1:" + port + ":*:" + role.name() + ":" +
                                                     escaped(password, ":\\") + "\n"));
    check_login(Target::from_fields(fields), role);
  }
  SECTION("service file") {
    const ScopedEnv file(
        "PGSERVICEFILE",
        write_file(dir / "services", "[main]\nhost=127.0.0.1\nport=" + port +
                                         "\nuser=" + role.name() +
                                         "\ndbname=postgres\npassword=" + password + "\n"));
    check_login(Target::parse("service=main"), role);
  }
}

TEST_CASE("a database named like a connection string is reached", "[pg]") {
  const std::string name =
      GENERATE(as<std::string>{}, "a=b", "postgresql://x/y", "o'dd \\ \"one\"");
  const pg_server::ScopedDatabase database(name);
  const Stop stop;
  Connection connection(database.target(), stop);
  CHECK(connection.query("select current_database()").rows.at(0).at(0) == name);
}

TEST_CASE("queries take parameters and give columns, values and nulls", "[pg]") {
  const Stop stop;
  Connection connection(pg_server::superuser(), stop);
  const Rows rows = connection.query("select $1::text as a, $2::int + 1 as \"B\", $3::text as c",
                                     {"x'y\"☃", "41", std::nullopt});
  CHECK(rows.columns == std::vector<std::string>{"a", "B", "c"});
  REQUIRE(rows.rows.size() == 1);
  CHECK(rows.rows[0] == std::vector<std::optional<std::string>>{"x'y\"☃", "42", std::nullopt});
  CHECK(connection.query("select 1 where false").rows.empty());
  CHECK(connection.query("set application_name = 'x'").columns.empty());
  CHECK(connection.query("select i, repeat('x', 1000) from generate_series(1, 20000) i")
            .rows.size() == 20000);
}

TEST_CASE("the server's description of itself", "[pg]") {
  const Stop stop;
  const ServerInfo info = Connection(pg_server::superuser(), stop).info();
  CHECK(std::to_string(info.version_num) == Admin().value("show server_version_num"));
  CHECK(info.major() == info.version_num / 10000);
  CHECK(info.version == Admin().value("show server_version"));
  CHECK(info.system_identifier ==
        Admin().value("select system_identifier from pg_control_system()"));
  CHECK(info.database_bytes > 1000000);
  CHECK(info.encoding == "UTF8");
  CHECK(!info.in_recovery);
}

TEST_CASE("a role that may not see the system identifier gets the rest", "[pg]") {
  const ScopedRole role("geheim-role");
  const pg_server::ScopedDatabase database("pgbak_connection_revoked");
  Admin(database.name())("revoke execute on function pg_control_system() from public");
  const Stop stop;
  const ServerInfo info = Connection(role.trusted(database.name()), stop).info();
  CHECK(info.system_identifier.empty());
  CHECK(info.version_num > 0);
}

TEST_CASE("a session announces itself and speaks UTF-8", "[pg]") {
  const ScopedEnv encoding("PGCLIENTENCODING", "LATIN1");
  const Stop stop;
  Connection connection(pg_server::superuser(), stop);
  CHECK(connection.query("show application_name").rows.at(0).at(0) == "pgbak");
  CHECK(connection.query("show client_encoding").rows.at(0).at(0) == "UTF8");
}

TEST_CASE("errors of queries have their kind, and the session goes on", "[pg]") {
  const Stop stop;
  Connection connection(pg_server::superuser(), stop);
  const auto [sql, kind, sqlstate] = GENERATE(
      table<std::string, std::string, std::string>({{"select * from absent", "not_found", "42P01"},
                                                    {"create database postgres", "exists", "42P04"},
                                                    {"select 1/0", "process", "22012"},
                                                    {"selec 1", "process", "42601"},
                                                    {"select 1; select 2", "process", "42601"}}));
  const Error error = caught([&, text = sql] { connection.query(text); });
  CHECK(kind_of(error) == kind);
  CHECK_THAT(error.detail(), ContainsSubstring("SQLSTATE " + sqlstate));
  CHECK_THAT(error.message(), ContainsSubstring("postgres on socket "));
  CHECK(!error.retryable());
  CHECK(connection.query("select 1").rows.size() == 1);
}

TEST_CASE("a missing privilege is a matter of permission", "[pg]") {
  const ScopedRole role("geheim-role");
  const Stop stop;
  Connection connection(role.trusted(), stop);
  CHECK(caught_kind([&] { connection.query("select * from pg_authid"); }) == "permission");
}

TEST_CASE("copy is refused instead of waited for", "[pg]") {
  const Stop stop;
  Connection connection(pg_server::superuser(), stop);
  CHECK(caught_kind([&] { connection.query("copy (select 1) to stdout"); }) == "refused");
}

TEST_CASE("a stop ends the query on the server", "[pg]") {
  Stop stop;
  Connection connection(pg_server::superuser(), stop);
  const std::string pid = connection.query("select pg_backend_pid()").rows.at(0).at(0).value();
  Admin admin;
  const auto active = [&] {
    return admin.value("select count(*) from pg_stat_activity where pid = " + pid +
                       " and state = 'active' and query = 'select pg_sleep(3600)'");
  };
  const auto wait_for = [&](const std::string& count) {
    for (int tries = 0; tries < 600 && active() != count; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return active();
  };
  std::thread stopper([&] {
    wait_for("1");
    stop.request();
  });
  const std::string kind = caught_kind([&] { connection.query("select pg_sleep(3600)"); });
  stopper.join();
  CHECK(kind == "cancelled");
  // The session is still there; only its query ended.
  CHECK(wait_for("0") == "0");
  CHECK(admin.value("select count(*) from pg_stat_activity where pid = " + pid) == "1");
}

TEST_CASE("a session that the server ends is unavailable", "[pg]") {
  const Stop stop;
  Connection connection(pg_server::superuser(), stop);
  const std::string pid = connection.query("select pg_backend_pid()").rows.at(0).at(0).value();
  Admin()("select pg_terminate_backend(" + pid + ")");
  const Error error = caught([&] { connection.query("select 1"); });
  CHECK(kind_of(error) == "unavailable");
  CHECK(error.retryable());
  CHECK(caught_kind([&] { connection.query("select 1"); }) == "unavailable");
}

TEST_CASE("no server at a port is unavailable, and may be tried again", "[pg]") {
  const BoundPort closed(false);
  const Stop stop;
  const Target target = Target::from_fields({{"host", "127.0.0.1"},
                                             {"port", closed.port()},
                                             {"dbname", "shop"},
                                             {"password", "geheim1"}});
  const Error error = caught([&] { Connection(target, stop); });
  CHECK(kind_of(error) == "unavailable");
  CHECK(error.retryable());
  CHECK_THAT(error.message(), ContainsSubstring("shop on 127.0.0.1:" + closed.port()));
  CHECK_THAT(error.hint(), ContainsSubstring("running"));
  CHECK_THAT(error.text() + error.detail(), !ContainsSubstring("geheim1"));
}

TEST_CASE("the next host of a list is tried", "[pg]") {
  const BoundPort closed(false);
  const Stop stop;
  const Target target =
      Target::from_fields({{"host", "127.0.0.1," + variable("PGBAK_TEST_SOCKET")},
                           {"port", closed.port() + "," + variable("PGBAK_TEST_PORT")},
                           {"user", "pgbak"},
                           {"dbname", "postgres"}});
  CHECK(Connection(target, stop).query("select 1").rows.size() == 1);
}

TEST_CASE("a server that never answers is a timeout, and a stop ends the wait", "[pg]") {
  const BoundPort silent(true);
  const Target target =
      Target::from_fields({{"host", "127.0.0.1"}, {"port", silent.port()}, {"dbname", "shop"}});
  Stop stop;
  const Error error = caught([&] { Connection(target, stop, std::chrono::milliseconds(50)); });
  CHECK(kind_of(error) == "timeout");
  CHECK(error.retryable());
  CHECK_THAT(error.message(), ContainsSubstring("127.0.0.1:" + silent.port()));

  stop.request();
  CHECK(caught_kind([&] { Connection(target, stop); }) == "cancelled");
}

TEST_CASE("refused logins say why, and never show a password", "[pg]") {
  const ScopedRole role("the-right-one");
  const Stop stop;
  std::map<std::string, std::string> settings{{"host", "127.0.0.1"},
                                              {"port", variable("PGBAK_TEST_PORT")},
                                              {"user", role.name()},
                                              {"dbname", "postgres"}};
  const ScopedEnv none("PGPASSWORD", {});
  const ScopedEnv no_file("PGPASSFILE", "/dev/null/none");
  const auto refused = [&] {
    return caught([&] { Connection(Target::from_fields(settings), stop); });
  };

  const Error missing = refused();
  CHECK(kind_of(missing) == "permission");
  CHECK_THAT(missing.hint(), ContainsSubstring("PGPASSWORD"));

  settings["password"] = "the-wrong'one";
  const Error wrong = refused();
  CHECK(kind_of(wrong) == "permission");
  CHECK(!wrong.retryable());
  CHECK(wrong.detail() == "SQLSTATE 28P01");
  CHECK_THAT(wrong.text() + wrong.hint(), !ContainsSubstring("the-wrong") &&
                                              !ContainsSubstring("LOCATION") &&
                                              ContainsSubstring(role.name()));

  settings["password"] = "the-right-one";
  settings["dbname"] = "shpo";
  const Error unknown = refused();
  CHECK(kind_of(unknown) == "not_found");
  CHECK_THAT(unknown.message(), ContainsSubstring("\"shpo\""));
  CHECK_THAT(unknown.hint(), ContainsSubstring("--list"));
  CHECK_THAT(unknown.text(), !ContainsSubstring("the-right-one"));
}

TEST_CASE("identifiers are quoted", "[pg]") { CHECK(quote_identifier("a\"b") == "\"a\"\"b\""); }
