#include "host/pg/scratch_cluster.hpp"

#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <optional>

#include "host/base/environment.hpp"
#include "host/base/log.hpp"
#include "host/pg/scratch_directory.hpp"
#include "host/pg/scratch_settings.hpp"
#include "host/process/child.hpp"

namespace pgbak {
namespace {

namespace fs = std::filesystem;
constexpr const char* kOp = "scratch.cluster";
// No role of a source: where its "postgres" is no superuser (managed services), restoring its
// globals would take from this one what it needs.
constexpr const char* kUser = "pgbak_scratch";
constexpr const char* kShortDirectory = "/tmp";

std::string parent_directory(const std::string& given) {
  const std::string named = given.empty() ? environment("TMPDIR").value_or(kShortDirectory) : given;
  return fs::absolute(named).lexically_normal().string();
}

/// Whether a server can have its socket there: the path fits into a sockaddr_un, and holds nothing
/// that libpq or the server take for the end of one directory of a list.
bool fits_socket(const std::string& directory) {
  constexpr std::string_view kSocket = "/.s.PGSQL.5432.lock";
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
  return directory.size() + kSocket.size() < sizeof(sockaddr_un::sun_path) &&
         directory.find_first_not_of(kPlain) == std::string::npos;
}

/// Settings that libpq would take from the environment or a service file, and that would keep
/// clients, or lead them, away from the socket.
std::map<std::string, std::string> connection_fields(const std::string& socket_directory) {
  std::map<std::string, std::string> fields{
      {"host", socket_directory}, {"port", "5432"}, {"user", kUser}, {"dbname", "postgres"}};
  const Target plain = Target::from_fields(fields);
  if (!plain.setting("hostaddr").empty()) {
    throw Error(ErrorKind::config, kOp,
                "PGHOSTADDR, or the service file, would lead away from the throwaway cluster")
        .hint("unset it, and give the host with each database");
  }
  if (!plain.setting("options").empty()) fields["options"] = "-c statement_timeout=0";
  for (const char* keyword : {"channel_binding", "gssencmode"}) {
    if (plain.setting(keyword) == "require") fields[keyword] = "disable";
  }
  if (environment("PGTARGETSESSIONATTRS")) fields["target_session_attrs"] = "any";
  return fields;
}

/// A running server.
class Postmaster {
 public:
  explicit Postmaster(ChildSpec spec) : child_(std::move(spec)) {}
  Postmaster(const Postmaster&) = delete;
  Postmaster& operator=(const Postmaster&) = delete;
  /// At once: nothing has to reach the disk. A run that was told to stop has not the 5 s that the
  /// postmaster would give its backends; its directory's remove() ends who is left.
  ~Postmaster() {
    constexpr std::chrono::seconds kGrace{2};
    const Stop never;
    try {
      if (child_.wait_until(never, SteadyClock::now())) return;  // its number may be another's
      ::kill(child_.pid(), SIGQUIT);
      child_.wait_until(never, SteadyClock::now() + kGrace);
    } catch (const Error& error) {
      log::warn("stopping a throwaway cluster: {}", error.text());
    }
  }
  Child& child() { return child_; }
  const Child& child() const { return child_; }

 private:
  Child child_;
};

class Cluster : public Scratch {
 public:
  Cluster(const ClusterOptions& options, const ToolSearch& search, const Stop& stop)
      : stop_(stop),
        deadline_(SteadyClock::now() + options.timeout),
        shape_(options.shape),
        initdb_(find_tool("initdb", options.major, search, stop)),
        user_(ServerUser::find()) {
    if (initdb_.major != options.major) {
      notes_.push_back("server " + std::to_string(initdb_.major) + ", the dump is of " +
                       std::to_string(options.major));
    }
    const std::string parent = parent_directory(options.directory);
    directory_.emplace(parent, user_);
    if (!fits_socket(directory_->data())) socket_directory_.emplace(kShortDirectory, user_);
    const std::string socket = socket_directory_ ? socket_directory_->data() : directory_->data();
    target_ = Target::from_fields(connection_fields(socket));
    check_passage();
    make_data();
    start(socket);
    new_database(kFirst);
  }
  ~Cluster() override {
    try {
      Cluster::close();
    } catch (const std::exception& error) {
      log::warn("closing a throwaway cluster: {}", error.what());
    }
  }

  const char* kind() const override { return "cluster"; }
  Target target() const override { return target_->with_database(kFirst); }
  Target server_target() const override { return *target_; }
  const ServerInfo& server() const override { return info_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  std::string directory() const override { return directory_->path(); }
  std::string log_tail() const override {
    return postmaster_ ? postmaster_->child().stderr_tail() : "";
  }

  Target new_database(const std::string& name) override {
    std::vector<std::string> notes;
    try {
      Connection connection(*target_, stop_);
      create_database(connection, info_, name, shape_, notes);
    } catch (const Error& error) {
      throw explained(error);
    }
    for (std::string& each : notes) {
      if (std::find(notes_.begin(), notes_.end(), each) == notes_.end()) {
        notes_.push_back(std::move(each));
      }
    }
    return target_->with_database(name);
  }

  void drop_database(const std::string& name) override {
    pgbak::drop_database(*target_, info_, name, stop_);
  }

  void close() override {
    postmaster_.reset();
    if (directory_) directory_->remove();
    if (socket_directory_) socket_directory_->remove();
  }

 private:
  static constexpr const char* kFirst = "scratch";

  /// A program as the server's user. The kernel sends it `at_death` when this thread ends.
  ChildSpec as_server(std::vector<std::string> command, const char* at_death) const {
    std::vector<std::string> args{std::string("--pdeathsig=") + at_death};
    if (!user_.name.empty()) {
      args.insert(args.end(), {"--reuid=" + std::to_string(user_.uid),
                               "--regid=" + std::to_string(user_.gid), "--clear-groups"});
    }
    args.emplace_back("--");
    args.insert(args.end(), command.begin(), command.end());
    return {"setpriv", std::move(args), server_environment(directory_->path()),
            false,     false,           directory_->data()};
  }

  void check_passage() const {
    Child test(as_server({"test", "-x", directory_->data() + "/."}, "KILL"));
    const ExitStatus status = test.wait(stop_);
    if (status.good()) return;
    if (!test.stderr_tail().empty()) throw test.failure(kOp, status);
    throw Error(ErrorKind::permission, kOp,
                "user " + user_.name + ", who runs the throwaway cluster, cannot enter '" +
                    directory_->path() + "'")
        .hint(
            "choose a directory that others may pass through (chmod o+x): TMPDIR, or the "
            "setting verify.directory");
  }

  void make_data() {
    std::vector<std::string> command{initdb_.path,
                                     "--pgdata=" + directory_->data(),
                                     "--auth=trust",
                                     std::string("--username=") + kUser,
                                     "--encoding=UTF8",
                                     "--locale=C",
                                     "-N"};
    if (initdb_.major >= 18) command.emplace_back("--no-data-checksums");  // the default before
    Child initdb(as_server(std::move(command), "KILL"));
    const auto status = initdb.wait_until(stop_, deadline_);
    if (!status) throw too_slow();
    if (!status->good()) {
      throw explained(exit_failure(kOp, initdb_.path, *status, initdb.stderr_tail()));
    }
  }

  void start(const std::string& socket) {
    const std::string postgres = fs::canonical(initdb_.path).parent_path() / "postgres";
    std::vector<std::string> command{postgres, "-D", directory_->data()};
    const std::string name = fs::path(directory_->path()).filename();
    for (const auto& [setting, value] : server_settings(initdb_.major, socket, name)) {
      command.insert(command.end(), {"-c", setting + "=" + value});
    }
    postmaster_.emplace(as_server(std::move(command), "QUIT"));
    constexpr std::chrono::milliseconds kPoll{10};
    while (!ready()) {
      if (const auto ended = postmaster_->child().wait_until(stop_, SteadyClock::now() + kPoll)) {
        throw explained(exit_failure(kOp, postgres, *ended, log_tail()));
      }
      if (SteadyClock::now() > deadline_) throw too_slow();
    }
  }

  bool ready() {
    try {
      info_ = Connection(*target_, stop_).info();
      return true;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unavailable) throw;
      return false;  // no socket yet, or "the database system is starting up"
    }
  }

  Error too_slow() const {
    return Error(ErrorKind::timeout, kOp,
                 "the throwaway cluster in '" + directory_->path() + "' did not start in time")
        .detail(log_tail())
        .retryable();
  }

  /// Says so when the disk is full.
  Error explained(const Error& error) const {
    const std::string words = error.text() + error.detail();
    for (const char* full : {"No space left on device", "Disk quota exceeded"}) {
      if (words.find(full) == std::string::npos) continue;
      return Error(ErrorKind::io, kOp,
                   "no space for a throwaway cluster in '" + directory_->path() + "'")
          .hint("free some, or choose another place: TMPDIR, or the setting verify.directory")
          .cause(error);
    }
    return error;
  }

  const Stop& stop_;
  const SteadyClock::time_point deadline_;
  const DatabaseShape shape_;
  const Tool initdb_;
  const ServerUser user_;
  std::vector<std::string> notes_;
  std::optional<ScratchDirectory> directory_, socket_directory_;
  std::optional<Target> target_;
  ServerInfo info_;
  std::optional<Postmaster> postmaster_;  // last: it ends before its directory goes
};

}  // namespace

std::unique_ptr<Scratch> scratch_cluster(const ClusterOptions& options, const ToolSearch& search,
                                         const Stop& stop) {
  sweep_scratch_clusters(options.directory);
  return std::make_unique<Cluster>(options, search, stop);
}

std::size_t sweep_scratch_clusters(const std::string& directory) {
  const std::string parent = parent_directory(directory);
  std::size_t removed = sweep_scratch_directories(parent);
  if (parent != kShortDirectory) removed += sweep_scratch_directories(kShortDirectory);
  return removed;
}

}  // namespace pgbak
