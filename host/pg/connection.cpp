#include "host/pg/connection.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <regex>

#include "host/base/clock.hpp"
#include "host/base/error.hpp"
#include "host/base/log.hpp"

namespace pgbak {
namespace {

constexpr const char* kConnectOp = "pg.connect";
constexpr const char* kQueryOp = "pg.query";

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(" \n") + 1);
  return text;
}

void log_notice(void*, const char* message) {
  log::debug("server notice: {}", trimmed(message != nullptr ? message : ""));
}

/// PostgreSQL's manual, appendix A.
ErrorKind kind_of(const std::string& sqlstate) {
  const auto is = [&](std::initializer_list<const char*> codes) {
    return std::find(codes.begin(), codes.end(), sqlstate) != codes.end();
  };
  const std::string code_class = sqlstate.substr(0, 2);
  if (code_class == "28" || sqlstate == "42501") return ErrorKind::permission;
  if (is({"3D000", "3F000", "42P01", "42703", "42704", "42883"})) return ErrorKind::not_found;
  if (is({"42P04", "42P06", "42P07", "42710", "42723"})) return ErrorKind::exists;
  // Out of resources, shutting down or starting up, connection trouble.
  if (code_class == "53" || code_class == "08" || (code_class == "57" && sqlstate != "57014")) {
    return ErrorKind::unavailable;
  }
  return ErrorKind::process;
}

/// libpq tells the SQLSTATE of a refused login only inside a verbose message:
/// "FATAL:  28P01: password authentication failed for user "x"\nLOCATION:  auth_failed,
/// auth.c:326".
struct LoginFailure {
  std::string sqlstate;
  std::string message;
};

LoginFailure read_login_failure(const std::string& verbose) {
  static const std::regex kState("(:  )([0-9A-Z]{5}): ");
  static const std::regex kLocation("\n?LOCATION:[^\n]*");
  LoginFailure failure;
  std::smatch found;
  if (std::regex_search(verbose, found, kState)) failure.sqlstate = found[2];
  failure.message =
      trimmed(std::regex_replace(std::regex_replace(verbose, kState, "$1"), kLocation, ""));
  return failure;
}

int remaining_ms(SteadyClock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1 << 30));
}

}  // namespace

class Connection::Impl {
 public:
  Impl(const Target& target, const Stop& stop, std::chrono::milliseconds timeout)
      : target_(target), stop_(stop), conn_(start(target), PQfinish) {
    if (!conn_) throw std::bad_alloc();
    PQsetNoticeProcessor(conn_.get(), log_notice, nullptr);
    PQsetErrorVerbosity(conn_.get(), PQERRORS_VERBOSE);
    connect(SteadyClock::now() + shorter(timeout));
    PQsetErrorVerbosity(conn_.get(), PQERRORS_DEFAULT);
    PQsetnonblocking(conn_.get(), 1);
  }

  Rows query(const std::string& sql, const std::vector<std::optional<std::string>>& params) {
    std::vector<const char*> values;
    for (const auto& each : params) values.push_back(each ? each->c_str() : nullptr);
    if (PQsendQueryParams(conn_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                          values.data(), nullptr, nullptr, 0) == 0) {
      throw lost();
    }
    while (const int flushed = PQflush(conn_.get())) {
      if (flushed < 0) throw lost();
      await(POLLIN | POLLOUT);
    }
    Result answer(next_result(), PQclear);
    if (!answer) throw lost();
    const ExecStatusType status = PQresultStatus(answer.get());
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) {
      throw Error(ErrorKind::refused, kQueryOp, "copy from and to the client is not supported");
    }
    while (const Result rest{next_result(), PQclear}) {
    }
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) throw failed(answer.get());
    return read(answer.get());
  }

 private:
  static PGconn* start(const Target& target) {
    std::map<std::string, std::string> settings = target.secret_settings();
    // Names and messages are shown and stored as UTF-8.
    settings["client_encoding"] = "UTF8";
    std::vector<const char*> keywords, values;
    for (const auto& [keyword, value] : settings) {
      keywords.push_back(keyword.c_str());
      values.push_back(value.c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    // 0: a database really named "a=b" is not taken for a connection string.
    return PQconnectStartParams(keywords.data(), values.data(), 0);
  }

  /// libpq leaves connect_timeout to whoever polls.
  std::chrono::milliseconds shorter(std::chrono::milliseconds timeout) const {
    const std::string text = target_.setting("connect_timeout");
    int seconds = 0;
    std::from_chars(text.data(), text.data() + text.size(), seconds);
    return seconds > 0 ? std::min<std::chrono::milliseconds>(timeout, std::chrono::seconds(seconds))
                       : timeout;
  }

  void connect(SteadyClock::time_point deadline) {
    PostgresPollingStatusType state =
        PQstatus(conn_.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK) {
      if (state == PGRES_POLLING_FAILED) throw refused();
      const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
      std::array<pollfd, 2> fds{{{PQsocket(conn_.get()), events, 0}, {stop_.fd(), POLLIN, 0}}};
      const int ready = ::poll(fds.data(), fds.size(), remaining_ms(deadline));
      stop_.check(kConnectOp);
      if (ready == 0) {
        throw Error(ErrorKind::timeout, kConnectOp,
                    "no connection to " + target_.shown() + " in time")
            .hint("check host and port, and firewalls in between")
            .retryable();
      }
      if (ready > 0) state = PQconnectPoll(conn_.get());
    }
  }

  Error refused() const {
    const auto [sqlstate, words] = read_login_failure(PQerrorMessage(conn_.get()));
    const std::string message = "cannot connect to " + target_.shown() + ": " + words;
    if (PQconnectionNeedsPassword(conn_.get()) != 0) {
      return Error(ErrorKind::permission, kConnectOp, message)
          .hint("give a password: in the connection settings, by PGPASSWORD, or in ~/.pgpass");
    }
    if (sqlstate.empty()) {
      const bool about_tls =
          words.find("SSL") != words.npos || words.find("certificate") != words.npos;
      return Error(ErrorKind::unavailable, kConnectOp, message)
          .hint(about_tls ? "look at sslmode, sslrootcert and the host's name in the connection "
                            "settings, and at the server's setting ssl"
                          : "is the server running, and are host and port right?")
          .retryable();
    }
    const ErrorKind kind = kind_of(sqlstate);
    const char* hint = "";
    if (kind == ErrorKind::permission) hint = "check user, password, and the server's pg_hba.conf";
    if (sqlstate == "3D000") hint = "list the databases: psql --list with the same host and user";
    if (sqlstate == "53300") hint = "the server has no free connection slot; try again later";
    return Error(kind, kConnectOp, message)
        .detail("SQLSTATE " + sqlstate)
        .hint(hint)
        .retryable(kind == ErrorKind::unavailable);
  }

  /// Blocks until the socket is ready; on a stop ends the query on the server first.
  void await(short events) {
    std::array<pollfd, 2> fds{{{PQsocket(conn_.get()), events, 0}, {stop_.fd(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) {
      throw system_error(errno, kQueryOp, "cannot wait for the server");
    }
    if (stop_.requested()) {
      cancel();
      stop_.check(kQueryOp);
    }
    if (PQconsumeInput(conn_.get()) == 0) throw lost();
  }

  void cancel() {
    const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> request(PQgetCancel(conn_.get()),
                                                                     PQfreeCancel);
    std::array<char, 256> words{};
    if (request && PQcancel(request.get(), words.data(), words.size()) == 0) {
      log::warn("cannot cancel the query on {}: {}", target_.shown(), trimmed(words.data()));
    }
  }

  PGresult* next_result() {
    while (PQisBusy(conn_.get()) != 0) await(POLLIN);
    return PQgetResult(conn_.get());
  }

  static Rows read(const PGresult* answer) {
    Rows rows;
    for (int column = 0; column < PQnfields(answer); ++column) {
      rows.columns.emplace_back(PQfname(answer, column));
    }
    for (int row = 0; row < PQntuples(answer); ++row) {
      auto& values = rows.rows.emplace_back();
      for (int column = 0; column < PQnfields(answer); ++column) {
        if (PQgetisnull(answer, row, column) != 0) {
          values.emplace_back();
        } else {
          values.emplace_back(std::in_place, PQgetvalue(answer, row, column),
                              static_cast<std::size_t>(PQgetlength(answer, row, column)));
        }
      }
    }
    return rows;
  }

  Error failed(const PGresult* answer) const {
    const auto field = [&](int code) {
      const char* text = PQresultErrorField(answer, code);
      return std::string(text != nullptr ? text : "");
    };
    const std::string sqlstate = field(PG_DIAG_SQLSTATE);
    if (sqlstate.empty()) {
      if (PQstatus(conn_.get()) == CONNECTION_BAD) return lost();
      return {
          ErrorKind::process, kQueryOp,
          std::string("unexpected answer of the server: ") + PQresStatus(PQresultStatus(answer))};
    }
    const ErrorKind kind = kind_of(sqlstate);
    std::string detail = "SQLSTATE " + sqlstate;
    if (const std::string more = field(PG_DIAG_MESSAGE_DETAIL); !more.empty()) {
      detail += "\n" + more;
    }
    return Error(kind, kQueryOp, target_.shown() + ": " + field(PG_DIAG_MESSAGE_PRIMARY))
        .detail(detail)
        .hint(field(PG_DIAG_MESSAGE_HINT))
        .retryable(kind == ErrorKind::unavailable);
  }

  Error lost() const {
    return Error(ErrorKind::unavailable, kQueryOp,
                 "lost the connection to " + target_.shown() + ": " +
                     trimmed(PQerrorMessage(conn_.get())))
        .hint("look into the server's log")
        .retryable();
  }

  const Target target_;
  const Stop& stop_;
  std::unique_ptr<PGconn, decltype(&PQfinish)> conn_;
};

Connection::Connection(const Target& target, const Stop& stop, std::chrono::milliseconds timeout)
    : impl_(std::make_unique<Impl>(target, stop, timeout)) {}
Connection::~Connection() = default;

Rows Connection::query(const std::string& sql,
                       const std::vector<std::optional<std::string>>& params) {
  return impl_->query(sql, params);
}

ServerInfo Connection::info() {
  const Rows answer = query(
      "select current_setting('server_version_num'), current_setting('server_version'),"
      " pg_database_size(oid), pg_encoding_to_char(encoding), pg_is_in_recovery(),"
      " current_setting('is_superuser')"
      " from pg_database where datname = current_database()");
  const auto& row = answer.rows.at(0);
  ServerInfo info;
  info.version_num = std::stoi(row[0].value());
  info.version = row[1].value();
  info.database_bytes = std::stoull(row[2].value());
  info.encoding = row[3].value();
  info.in_recovery = row[4] == "t";
  info.superuser = row[5] == "on";
  try {
    info.system_identifier =
        query("select system_identifier from pg_control_system()").rows.at(0)[0].value_or("");
  } catch (const Error& error) {
    // Some managed servers keep this function from their users, or have none.
    if (error.kind() != ErrorKind::permission && error.kind() != ErrorKind::not_found) throw;
  }
  return info;
}

std::string quote_identifier(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

}  // namespace pgbak
