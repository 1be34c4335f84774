// Each probe is a request that a service either takes or refuses; what it refuses is a finding, and
// only what makes all probes senseless (no connection, no permission, no bucket) is an error.
// Probes run one after another on the calling thread.
#include "host/store/s3_doctor.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <set>

#include "host/base/error.hpp"
#include "host/base/random_id.hpp"
#include "host/store/s3_client.hpp"

namespace pgbak {
namespace {

constexpr std::string_view kContent = "pgbak doctor\n";
constexpr std::chrono::seconds kClockSlack{60};
constexpr std::chrono::milliseconds kPatience{30'000};
constexpr std::chrono::milliseconds kCleanupTime{2'000};

const std::map<Checksum, std::string> kNames{{Checksum::none, "none"},
                                             {Checksum::md5, "md5"},
                                             {Checksum::sha256, "sha256"},
                                             {Checksum::crc32, "crc32"}};

/// A value as Lua writes it.
std::string lua_text(const Json& value) {
  if (!value.is_object()) {
    return value.is_string() ? fmt::format("'{}'", value.get<std::string>()) : value.dump();
  }
  std::string out;
  for (const auto& [name, each] : value.items()) {
    out += fmt::format("{}['{}'] = {}", out.empty() ? "" : ", ", name, lua_text(each));
  }
  return "{ " + out + " }";
}

Bytes content() { return std::as_bytes(std::span(kContent)); }

class Doctor {
 public:
  Doctor(S3Settings settings, const Stop& stop)
      : settings_(std::move(settings)),
        key_(settings_.prefix + "pgbak-probe-" + random_id()),
        stop_(stop) {
    settings_.retry.attempts = std::min(settings_.retry.attempts, 3);
    settings_.retry.deadline = std::min(settings_.retry.deadline, kPatience);
    settings_.batch_delete = true;
    // Nobody could delete a locked probe.
    settings_.object_lock_mode.clear();
  }
  Doctor(const Doctor&) = delete;
  Doctor& operator=(const Doctor&) = delete;
  ~Doctor() {
    const auto clean_up = [&](const auto& work) {
      try {
        const TimedStop soon(kCleanupTime);
        work(soon.stop());
      } catch (const std::exception&) {
        // What went wrong before is the error to tell; `pgbak sweep` finds the probe.
      }
    };
    S3Client asked = client();
    const RetryPolicy once{.attempts = 1};
    clean_up([&](const Stop& stop) {
      if (!upload_.empty()) asked.abort_upload(key_, upload_, once, stop);
    });
    clean_up([&](const Stop& stop) { asked.remove(key_, once, stop); });
  }

  Diagnosis run() {
    choose_addressing();
    probe_clock();
    probe_put();
    probe_checksums();
    probe_conditional_put();
    probe_multipart();
    probe_delete();
    probe_object_lock();
    return {settings_.endpoint, std::move(findings_), block()};
  }

 private:
  void find(const std::string& name, Verdict verdict, const std::string& detail = "") {
    findings_.push_back({name, verdict, detail});
  }

  /// Whether the service takes what `ask` asks for. Throws only when nothing can be told.
  bool takes(const std::string& name, const std::function<std::string()>& ask) {
    try {
      find(name, Verdict::yes, ask());
      return true;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) throw;
      find(name, error.retryable() ? Verdict::unknown : Verdict::no, error.text());
      return false;
    }
  }

  /// The way that the settings say first; an error of both is that of the first.
  void choose_addressing() {
    std::optional<Error> first;
    const Addressing wanted = settings_.addressing;
    const Addressing other =
        wanted == Addressing::path ? Addressing::virtual_host : Addressing::path;
    std::optional<Addressing> works;
    for (const Addressing way : {wanted, other}) {
      S3Settings settings = settings_;
      settings.addressing = way;
      const char* name =
          way == Addressing::path ? "path-style addresses" : "virtual-host addresses";
      try {
        S3Client asked(settings);
        asked.list(settings.prefix + "pgbak-probe-", stop_);
        find(name, Verdict::yes);
        settings_.endpoint = asked.endpoint(asked.region());
        settings_.region = asked.region();
        if (!works) works = way;
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::cancelled) throw;
        find(name, Verdict::no, error.text());
        if (!first) first = error;
      }
    }
    if (!works) throw Error(*first);
    settings_.addressing = *works;
  }

  S3Client client() const { return S3Client(settings_); }

  void probe_clock() {
    const HttpResponse answer =
        client().call({"GET", "", {{"list-type", "2"}, {"max-keys", "1"}}}, stop_);
    const std::string* const date = answer.find("date");
    const auto theirs = date != nullptr ? parse_http_date(*date) : std::nullopt;
    if (!theirs) return find("clock", Verdict::unknown, "the service does not tell the time");
    const std::chrono::seconds difference = wall_now() - *theirs;
    find("clock", std::chrono::abs(difference) <= kClockSlack ? Verdict::yes : Verdict::no,
         fmt::format("{} s away from the service's", std::chrono::abs(difference).count()));
  }

  std::string write(Checksum checksum) const {
    S3Settings settings = settings_;
    settings.checksum = checksum;
    S3Client(settings).put(key_, content(), random_id(), true, stop_);
    return "";
  }

  /// Without a single object written nothing else can be told. Buckets with object lock demand a
  /// checksum (trap 17), others refuse some (trap 16).
  void probe_put() {
    std::optional<Error> first;
    for (const Checksum checksum : {settings_.checksum, Checksum::none, Checksum::md5}) {
      try {
        write(checksum);
        settings_.checksum = checksum;
        find("write an object", Verdict::yes);
        return;
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::cancelled) throw;
        if (!first) first = error;
      }
    }
    throw Error(*first);
  }

  /// Sends the checksum of other bytes: a service that takes it does not look.
  std::string say_whether_checked(Checksum checksum) const {
    S3Request request{"PUT", key_, {}, {}, content()};
    request.headers = checksum_of(checksum, {}).headers;
    try {
      client().call(request, RetryPolicy{.attempts = 1}, stop_);
      return "accepted, but not checked";
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) throw;
      return error.kind() == ErrorKind::unavailable ? "accepted" : "accepted and checked";
    }
  }

  void probe_checksums() {
    takes("checksum none", [&] { return write(Checksum::none); });
    for (const auto& [checksum, name] : kNames) {
      if (checksum == Checksum::none) continue;
      takes("checksum " + name, [&, checksum = checksum] {
        write(checksum);
        return say_whether_checked(checksum);
      });
    }
  }

  void probe_conditional_put() {
    S3Settings settings = settings_;
    settings.conditional_put = true;
    try {
      S3Client(settings).put(key_, content(), random_id(), false, stop_);
      find("conditional put", Verdict::no, "the service overwrites in spite of If-None-Match");
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) throw;
      conditional_put_ = error.kind() == ErrorKind::exists;
      find("conditional put", conditional_put_ ? Verdict::yes : Verdict::no,
           conditional_put_ ? "" : error.text());
    }
  }

  void probe_multipart() {
    S3Client asked = client();
    const std::string mark = random_id();
    const std::string& id = upload_;
    if (!takes("multipart upload", [&] {
          upload_ = asked.create_upload(key_, mark, stop_);
          asked.upload_part(key_, id, 1, content(), stop_);
          return std::string();
        })) {
      return;
    }
    max_parts_ = 1;
    // Limits that services are known to have; a number above one's own is refused at once.
    for (const std::uint64_t number : {1'000U, 1'001U, 10'000U, 10'001U}) {
      try {
        asked.upload_part(key_, id, number, content(), stop_);
        max_parts_ = number;
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::cancelled || error.retryable()) throw;
        break;
      }
    }
    find("parts of an upload", Verdict::yes,
         max_parts_ > 10'000 ? "more than 10000" : fmt::format("up to {}", max_parts_));
    takes("list parts", [&] {
      const std::size_t parts = asked.list_parts(key_, id, stop_).size();
      return fmt::format("{} seen", parts);
    });
    takes("list unfinished uploads", [&] {
      for (const Unfinished& upload : asked.uploads(key_, stop_)) {
        if (upload.id == id) return std::string();
      }
      throw Error(ErrorKind::protocol, "s3.doctor", "the list lacks the upload");
    });
    takes("abort an upload", [&] {
      asked.abort_upload(key_, id, settings_.retry, stop_);
      upload_.clear();
      return std::string();
    });
  }

  void probe_delete() {
    batch_delete_ = takes("delete many at once", [&] {
      client().remove_page({key_}, stop_);
      if (client().head(key_, settings_.retry, stop_)) {
        throw Error(ErrorKind::protocol, "s3.doctor", "the object is still there");
      }
      return std::string();
    });
    write(settings_.checksum);
    takes("delete one", [&] {
      client().remove(key_, settings_.retry, stop_);
      return std::string();
    });
  }

  void probe_object_lock() {
    try {
      client().call({"GET", "", {{"object-lock", ""}}}, stop_);
      find("object lock", Verdict::yes, "the bucket has it: object_lock_mode may be set");
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) throw;
      const bool known = error.kind() == ErrorKind::not_found;
      find("object lock", known ? Verdict::no : Verdict::unknown, error.text());
    }
  }

  std::string block() const {
    S3Settings plain = settings_;
    plain.own_endpoint = false;
    std::string out = fmt::format("{{ url = '{}',\n", plain.shown());
    if (settings_.own_endpoint) out += fmt::format("  endpoint = '{}',\n", settings_.endpoint);
    out += fmt::format("  region = '{}', addressing = '{}', checksum = '{}',\n", settings_.region,
                       settings_.addressing == Addressing::path ? "path" : "virtual",
                       kNames.at(settings_.checksum));
    if (max_parts_ < 10'000) out += fmt::format("  max_parts = {},\n", max_parts_);
    if (!conditional_put_) out += "  conditional_put = false,\n";
    if (!batch_delete_) out += "  batch_delete = false,\n";
    static const std::set<std::string> kFound{"endpoint",    "region",    "addressing",
                                              "checksum",    "max_parts", "conditional_put",
                                              "batch_delete"};
    for (const auto& [name, value] : settings_.given.items()) {
      if (!kFound.contains(name)) out += fmt::format("  {} = {},\n", name, lua_text(value));
    }
    return out + "},\n";
  }

  S3Settings settings_;
  const std::string key_;
  const Stop& stop_;
  std::string upload_;
  std::vector<Finding> findings_;
  bool conditional_put_ = false, batch_delete_ = true;
  std::uint64_t max_parts_ = 10'000;
};

}  // namespace

std::string_view to_string(Verdict verdict) {
  if (verdict == Verdict::unknown) return "unknown";
  return verdict == Verdict::yes ? "yes" : "no";
}

Diagnosis diagnose(S3Settings settings, const Stop& stop) {
  return Doctor(std::move(settings), stop).run();
}

}  // namespace pgbak
