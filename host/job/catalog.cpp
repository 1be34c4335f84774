#include "host/job/catalog.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "host/base/environment.hpp"
#include "host/base/error.hpp"
#include "host/base/redact.hpp"
#include "host/job/parallel.hpp"

namespace pgbak {
namespace {

constexpr const char* kPublish = "catalog.publish";
constexpr const char* kRemove = "catalog.remove";
constexpr std::chrono::minutes kOrphanAge{10};
// Clocks of machines that share a store may differ a little.
constexpr std::chrono::minutes kClockSlack{10};

/// The line that `sha256sum -c` reads, run in the directory of the data.
std::string digest_line(const std::string& sha256, const std::string& key) {
  return sha256 + "  " + key.substr(key.find_last_of('/') + 1) + "\n";
}

/// Throws Error{exists} when `key` is a backup already.
void check_free(Store& store, const std::string& key) {
  if (!store.head(meta_key(key))) return;
  throw Error(ErrorKind::exists, "store.writer",
              "backup '" + key + "' exists already in " + store.url())
      .hint("use a naming with the time in it, or wait for the next period");
}

/// Removes an orphan at `key`: data of a run that died before its manifest. Young data may belong
/// to a run elsewhere that is about to publish it, so it is left alone, unless it is `own`.
void remove_orphan(Store& store, const std::string& key, bool own) {
  const auto data = store.head(key);
  if (!data) return;
  const auto age = std::max(wall_now() - data->modified, std::chrono::seconds(0));
  if (age < kOrphanAge && !own) {
    throw Error(ErrorKind::exists, "store.writer",
                "'" + key + "' in " + store.url() + " has data without a manifest, " +
                    std::to_string(age.count()) + " s old: another run may be about to publish it")
        .hint("try again in " + std::to_string(kOrphanAge.count()) +
              " minutes, or use a naming with the time in it")
        .retryable();
  }
  check_free(store, key);  // it may have been published meanwhile
  store.remove(key);
}

/// What the bytes were compressed with, by the filters that they passed. Throws Error{refused} when
/// no single codec undoes it.
std::string codec_of(const PipelineReport& report, const std::string& key) {
  std::string codec = "none";
  for (const FilterReport& filter : report.filters) {
    const std::string& name = filter.name;
    if (name != "gzip" && name != "zstd" && name != "gunzip" && name != "unzstd") continue;
    if (codec != "none" || name.starts_with("un") || name == "gunzip") {
      throw Error(ErrorKind::refused, "catalog.publish",
                  "'" + key + "' passed " + name + ", which its manifest cannot tell")
          .hint("a backup's pipeline has one codec at most");
    }
    codec = name;
  }
  return codec;
}

/// Throws Error{refused} unless the bytes were hashed as they were stored.
std::string digest_of(const PipelineReport& report, const std::string& key) {
  if (report.filters.empty() || report.filters.back().name != "sha256") {
    throw Error(ErrorKind::refused, kPublish, "the digest of '" + key + "' is unknown")
        .hint("end `through` with digest.sha256()");
  }
  return report.filters.back().result;
}

/// For what users write freely; names, keys and command lines stay as they are, since a password
/// may be a part of a database's name.
void redact_strings(Json& json) {
  if (json.is_string()) {
    json = redact(json.get<std::string>());
  } else if (json.is_structured()) {
    for (Json& child : json) redact_strings(child);
  }
}

}  // namespace

Catalog::Catalog(std::shared_ptr<Store> store, Run& run) : store_(std::move(store)), run_(run) {}

CatalogListing Catalog::list() const {
  std::vector<std::string> keys;
  for (const ObjectInfo& object : store_->list("")) {
    if (!object.key.ends_with(Manifest::kSuffix)) continue;
    keys.push_back(object.key.substr(0, object.key.size() - Manifest::kSuffix.size()));
  }
  std::vector<std::optional<Manifest>> found(keys.size());
  std::vector<std::optional<Error>> failed(keys.size());
  in_parallel(keys.size(), run_.stop, [&](std::size_t i) {
    try {
      found[i] = find(keys[i]);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) throw;
      failed[i] = error;
    }
  });
  CatalogListing out;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (found[i]) out.backups.push_back(*std::move(found[i]));
    if (failed[i]) out.problems.push_back({meta_key(keys[i]), *failed[i]});
  }
  std::sort(out.backups.begin(), out.backups.end(), [](const Manifest& a, const Manifest& b) {
    return std::tie(b.started, b.id) < std::tie(a.started, a.id);
  });
  return out;
}

std::optional<Manifest> Catalog::find(const std::string& key) const {
  std::string text;
  try {
    text = store_->get(meta_key(key), run_.stop);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::not_found) return std::nullopt;
    throw;
  }
  Manifest manifest = Manifest::parse(text, meta_key(key));
  if (manifest.key != key) {
    throw Error(ErrorKind::corrupt, "catalog.read",
                "manifest '" + meta_key(key) + "' describes '" + manifest.key + "'")
        .hint("objects of a backup must not be renamed");
  }
  return manifest;
}

std::unique_ptr<Sink> Catalog::writer(const std::string& key) const {
  for (const std::string_view suffix : {Manifest::kSuffix, Manifest::kDigestSuffix}) {
    if (key.ends_with(suffix)) {
      throw Error(ErrorKind::config, "store.writer",
                  "key '" + key + "' ends in " + std::string(suffix) + ", which pgbak reserves");
    }
  }
  check_free(*store_, key);
  remove_orphan(*store_, key, run_.ledger.left_unpublished(store_->url(), key));
  return store_->writer(key, {});
}

Manifest Catalog::publish(Manifest manifest) {
  const CommittedData& data = run_.ledger.committed(store_->url(), manifest.key);
  const std::string sha256 = digest_of(data.report, manifest.key);
  const std::string codec = codec_of(data.report, manifest.key);
  if (manifest.codec != codec) {
    throw Error(ErrorKind::refused, kPublish,
                "the codec of '" + manifest.key + "' is " + codec + ", not " + manifest.codec);
  }
  manifest.id = random_id();
  manifest.started = data.started;
  manifest.finished = data.finished;
  manifest.duration_seconds = data.report.seconds;
  manifest.raw_bytes = data.report.in_bytes;
  manifest.stored_bytes = data.report.out_bytes;
  manifest.sha256 = sha256;
  manifest.destinations = to_json(*data.destinations);
  manifest.pgbak_version = PGBAK_VERSION;
  manifest.host = host_name();
  manifest.script = run_.script;
  redact_strings(manifest.tags);
  for (auto& [name, value] : manifest.options.items()) {
    // A password may be a part of these names, and a restore needs them whole.
    static const std::set<std::string> kNames{"dbname", "schemas", "exclude_schemas", "tables",
                                              "exclude_tables"};
    if (!kNames.contains(name)) redact_strings(value);
  }
  for (std::string& line : manifest.restore) line = redact_patterns(line);
  write_companions(manifest);
  return manifest;
}

Manifest Catalog::adopt(const std::shared_ptr<Store>& original, const std::string& key) {
  constexpr const char* kOp = "catalog.adopt";
  auto manifest = Catalog(original, run_).find(key);
  if (!manifest) {
    throw Error(ErrorKind::not_found, kOp, "no backup '" + key + "' in " + original->url());
  }
  const CommittedData& data = run_.ledger.committed(store_->url(), key);
  if (digest_of(data.report, key) != manifest->sha256 ||
      data.report.out_bytes != manifest->stored_bytes) {
    throw Error(ErrorKind::refused, kOp,
                "what was written to '" + key + "' in " + store_->url() +
                    " is not the backup that is in " + original->url());
  }
  manifest->destinations = to_json(*data.destinations);
  write_companions(*manifest);
  return *manifest;
}

void Catalog::write_companions(const Manifest& manifest) {
  try {
    const auto stored = store_->head(manifest.key);
    if (!stored || stored->size != manifest.stored_bytes) {
      throw Error(ErrorKind::corrupt, kPublish,
                  "'" + manifest.key + "' in " + store_->url() + " has " +
                      (stored ? std::to_string(stored->size) + " bytes" : "vanished") + ", " +
                      std::to_string(manifest.stored_bytes) + " were written");
    }
    store_->put(digest_key(manifest.key), digest_line(manifest.sha256, manifest.key),
                {.overwrite = true}, run_.stop);
    const std::string text =
        manifest.to_json().dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
    store_->put(meta_key(manifest.key), text, {}, run_.stop);
  } catch (const Error& error) {
    run_.ledger.data_lost(store_->url(), manifest.key, error);
    throw;
  }
  run_.ledger.data_published(store_->url(), manifest.key);
}

void Catalog::discard(const std::string& key) {
  if (!run_.ledger.take_back(store_->url(), key)) {
    throw Error(ErrorKind::refused, "catalog.discard",
                "'" + key + "' in " + store_->url() +
                    " is not a backup that this run made and may take back");
  }
  remove_whole("discard", {key});
}

std::vector<Removal> Catalog::remove(const std::vector<std::string>& keys,
                                     const std::string& cluster, const std::string& database,
                                     bool dry_run) {
  const std::set<std::string> asked(keys.begin(), keys.end());
  std::set<std::string> known;
  try {
    known = check_floors(asked, cluster, database);
  } catch (const Error& error) {
    run_.ledger.fail(run_.ledger.begin("delete", "backups of " + database), error);
    throw;
  }
  std::vector<Removal> out;
  std::vector<std::string> gone;
  for (const std::string& key : asked) {
    const bool removes = known.contains(key) && !dry_run;
    if (removes) gone.push_back(key);
    out.push_back({key, removes});
  }
  if (!gone.empty()) run_.ledger.keep_published(store_->url());
  remove_whole("delete", gone);
  return out;
}

std::set<std::string> Catalog::check_floors(const std::set<std::string>& asked,
                                            const std::string& cluster,
                                            const std::string& database) const {
  std::set<std::string> known;
  const Manifest* newest_good = nullptr;
  const Manifest* newest_complete = nullptr;
  const CatalogListing listing = list();
  for (const CatalogProblem& problem : listing.problems) {
    for (const std::string& key : asked) {
      if (problem.key == meta_key(key)) throw problem.error;
    }
  }
  for (const Manifest& backup : listing.backups) {
    const bool own = backup.cluster == cluster && backup.database == database;
    if (!own && asked.contains(backup.key)) {
      throw Error(ErrorKind::refused, kRemove,
                  "'" + backup.key + "' is a backup of database '" + backup.database +
                      "' on cluster " + backup.cluster + ", not of '" + database + "' on " +
                      cluster)
          .hint("a prune touches the backups of one database only");
    }
    if (!own) continue;
    if (backup.started > wall_now() + kClockSlack) {
      throw Error(ErrorKind::refused, kRemove,
                  "'" + backup.key + "' in " + store_->url() + " is from the future (" +
                      format_rfc3339(backup.started) + "), so what is old cannot be told")
          .hint(
              "set this machine's clock right; if the backup's time is wrong, move its three "
              "files away");
    }
    known.insert(backup.key);
    if (newest_complete != nullptr) continue;
    const auto data = store_->head(backup.key);
    if (!data || data->size != backup.stored_bytes) continue;
    if (newest_good == nullptr) newest_good = &backup;
    if (backup.complete()) newest_complete = &backup;
  }
  for (const Manifest* floor : {newest_good, newest_complete}) {
    if (floor == nullptr || !asked.contains(floor->key)) continue;
    throw Error(ErrorKind::refused, kRemove,
                "'" + floor->key + "' is the newest good " +
                    (floor == newest_good ? "" : "and complete ") + "backup of '" + database +
                    "' in " + store_->url() + ", which is never deleted")
        .hint("nothing was deleted; mend the retention policy");
  }
  return known;
}

void Catalog::remove_whole(const std::string& kind, const std::vector<std::string>& keys) {
  std::vector<std::size_t> entries;
  std::vector<std::string> manifests, rest;
  for (const std::string& key : keys) {
    entries.push_back(run_.ledger.begin(kind, key));
    manifests.push_back(meta_key(key));
    rest.insert(rest.end(), {digest_key(key), key});
  }
  try {
    store_->remove_all(manifests);
    store_->remove_all(rest);
  } catch (const Error& error) {
    for (const std::size_t entry : entries) run_.ledger.fail(entry, error);
    throw;
  }
  for (const std::size_t entry : entries) run_.ledger.succeed(entry);
}

}  // namespace pgbak
