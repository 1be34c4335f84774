#include "host/pg/scratch_database.hpp"

#include <algorithm>
#include <charconv>

#include "host/base/clock.hpp"
#include "host/base/environment.hpp"
#include "host/base/error.hpp"
#include "host/base/log.hpp"
#include "host/base/random_id.hpp"
#include "host/base/text.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "scratch.database";

/// pgbak_verify_20261121t220000z_0123456789abcdef.
std::string name_for(const std::string& id) {
  std::string time = format_rfc3339(wall_now());  // 2026-11-21T22:00:00Z
  time.erase(std::remove_if(time.begin(), time.end(), [](char c) { return c == '-' || c == ':'; }),
             time.end());
  return "pgbak_verify_" + lower(time) + "_" + id;
}

/// The id as the key of an advisory lock.
std::string lock_key(const std::string& id) {
  std::uint64_t key = 0;
  std::from_chars(id.data(), id.data() + id.size(), key, 16);
  return std::to_string(static_cast<std::int64_t>(key));
}

/// For cleaning up, also when the run is to stop: then it has less than 4.5 seconds.
TimedStop time_to_clean(const Stop& stop) {
  return TimedStop(stop.requested() ? std::chrono::seconds(3) : std::chrono::seconds(60));
}

class Database : public Scratch {
 public:
  Database(const Target& maintenance, const DatabaseShape& shape, const Stop& stop)
      : stop_(stop),
        maintenance_(maintenance),
        shape_(shape),
        session_(std::make_unique<Connection>(maintenance, stop)),
        info_(session_->info()) {
    // The session idles while others restore; without its lock a sweep takes the run for dead.
    if (info_.major() >= 14) session_->query("set idle_session_timeout = 0");
    const std::string id = random_id();
    name_ = name_for(id);
    // Before the database is there: a sweep must not see it without its lock.
    session_->query("select pg_advisory_lock($1::bigint)", {lock_key(id)});
    make(name_);
  }
  ~Database() override {
    try {
      Database::close();
    } catch (const std::exception& error) {
      log::warn("a throwaway database stays until the next sweep: {}", error.what());
    }
  }

  const char* kind() const override { return "database"; }
  Target target() const override { return maintenance_.with_database(name_); }
  Target server_target() const override { return maintenance_; }
  const ServerInfo& server() const override { return info_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  std::string directory() const override { return {}; }
  std::string log_tail() const override { return {}; }

  Target new_database(const std::string& name) override {
    make(longer_name(name));
    return maintenance_.with_database(longer_name(name));
  }

  void drop_database(const std::string& name) override { drop({longer_name(name)}); }

  void close() override {
    if (!session_) return;
    drop(made_);
    session_.reset();
  }

 private:
  std::string longer_name(const std::string& name) const {
    constexpr std::size_t kMostBytes = 16;  // 46 + 1 + 16 = PostgreSQL's 63
    if (!name.empty() && name.size() <= kMostBytes &&
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos) {
      return name_ + "_" + name;
    }
    throw Error(ErrorKind::config, kOp, "'" + name + "' cannot be a part of a database's name")
        .hint("at most 16 of a-z, 0-9 and _");
  }

  void make(const std::string& name) {
    made_.push_back(name);  // first: an answer that got lost may have been a success
    std::vector<std::string> notes;
    try {
      create_database(*session_, info_, name, shape_, notes);
      session_->query("comment on database " + quote_identifier(name) + " is " +
                      quote_literal("throwaway database of pgbak on " + host_name() +
                                    "; dropped at the end of the verification, or by the next"));
    } catch (...) {
      if (made_.size() == 1) abandon();
      throw;
    }
    if (notes_.empty()) notes_ = std::move(notes);
  }

  /// The constructor fails, so that nobody will call close().
  void abandon() noexcept {
    try {
      drop(made_);
    } catch (const std::exception& error) {
      log::warn("a throwaway database stays until the next sweep: {}", error.what());
    }
  }

  void drop(const std::vector<std::string>& names) {
    // A session of its own: that of the run may be lost, and does nothing any more after a stop.
    const TimedStop clean = time_to_clean(stop_);
    for (const std::string& name : std::vector(names)) {
      pgbak::drop_database(maintenance_, info_, name, clean.stop());
      std::erase(made_, name);
    }
  }

  const Stop& stop_;
  const Target maintenance_;
  const DatabaseShape shape_;
  std::unique_ptr<Connection> session_;  // holds the lock
  ServerInfo info_;
  std::string name_;
  std::vector<std::string> made_, notes_;
};

}  // namespace

std::unique_ptr<Scratch> scratch_database(const Target& maintenance, const DatabaseShape& shape,
                                          const Stop& stop) {
  sweep_scratch_databases(maintenance, stop);
  return std::make_unique<Database>(maintenance, shape, stop);
}

std::size_t sweep_scratch_databases(const Target& maintenance, const Stop& stop) {
  Connection connection(maintenance, stop);
  const ServerInfo info = connection.info();
  // An advisory lock belongs to the database that its session is in, and that run may have had
  // another one for its maintenance: so all of them are looked through, not just ours tried.
  const Rows dead = connection.query(
      "select d.datname from pg_database d,"
      " lateral (select ('x' || substr(d.datname, 31, 16))::bit(64)::bigint as key) k"
      " where d.datname ~ '^pgbak_verify_[0-9]{8}t[0-9]{6}z_[0-9a-f]{16}(_[a-z0-9_]{1,16})?$'"
      " and pg_has_role(d.datdba, 'usage')"
      " and not exists (select 1 from pg_locks l where l.locktype = 'advisory' and l.objsubid = 1"
      " and (l.classid::bigint << 32) | l.objid::bigint = k.key)");
  std::size_t dropped = 0;
  for (const auto& row : dead.rows) {
    try {
      drop_database(maintenance, info, row.at(0).value(), stop);
      ++dropped;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) throw;
      log::warn("sweep: {}", error.text());
    }
  }
  return dropped;
}

}  // namespace pgbak
