#include "host/job/catalog.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "host/base/environment.hpp"
#include "host/base/error.hpp"
#include "host/base/redact.hpp"
#include "host/job/objects.hpp"
#include "host/job/parallel.hpp"
#include "host/job/verification.hpp"
#include "host/stream/observe.hpp"

namespace pgbak {
namespace {

constexpr const char* kPublish = "catalog.publish";
constexpr const char* kWriter = "store.writer";
constexpr std::chrono::minutes kOrphanAge{10};
// A fingerprint of 100,000 tables takes about 15 MiB.
constexpr std::size_t kManifestLimitBytes = 64U << 20U;

/// The line that `sha256sum -c` reads, run in the directory of the data.
std::string digest_line(const std::string& sha256, const std::string& key) {
  return sha256 + "  " + key.substr(key.find_last_of('/') + 1) + "\n";
}

/// Throws Error{exists} when `key` is a backup already.
void check_free(Store& store, const std::string& key) {
  if (!store.head(meta_key(key))) return;
  throw Error(ErrorKind::exists, kWriter, "backup '" + key + "' exists already in " + store.url())
      .hint("use a naming with the time in it, or ask for `overwrite`");
}

/// Removes an orphan at `key`: data of a run that died before its manifest. Young data may belong
/// to a run elsewhere that is about to publish it, so it is left alone, unless it is `own`.
void remove_orphan(Store& store, const std::string& key, bool own) {
  const auto data = store.head(key);
  if (!data) return;
  const auto age = std::max(wall_now() - data->modified, std::chrono::seconds(0));
  if (age < kOrphanAge && !own) {
    throw Error(ErrorKind::exists, kWriter,
                "'" + key + "' in " + store.url() + " has data without a manifest, " +
                    std::to_string(age.count()) + " s old: another run may be about to publish it")
        .hint("try again in " + std::to_string(kOrphanAge.count()) +
              " minutes, or use a naming with the time in it")
        .retryable();
  }
  check_free(store, key);  // it may have been published meanwhile
  store.remove_all({globals_key(key), key});
}

/// What the bytes were compressed with, by the filters that they passed. Throws Error{refused} when
/// no single codec undoes it.
std::string codec_of(const PipelineReport& report, const std::string& key) {
  std::string codec = "none";
  for (const FilterReport& filter : report.filters) {
    const std::string& name = filter.name;
    if (name != "gzip" && name != "zstd" && name != "gunzip" && name != "unzstd") continue;
    if (codec != "none" || name.starts_with("un") || name == "gunzip") {
      throw Error(ErrorKind::refused, kPublish,
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

void write_manifest(Store& store, const std::string& key, const Json& manifest,
                    const WriteOptions& options, const Stop& stop) {
  const std::string text = manifest.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  store.put(meta_key(key), text, options, stop);
}

/// Calls `read` with each number below `count` in parallel. Returns the failures by number; throws
/// only once `stop` was requested.
std::vector<std::optional<Error>> try_each(std::size_t count, const Stop& stop,
                                           const std::function<void(std::size_t)>& read) {
  std::vector<std::optional<Error>> failed(count);
  in_parallel(count, stop, [&](std::size_t i) {
    try {
      read(i);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) throw;
      failed[i] = error;
    }
  });
  return failed;
}

/// Looks once more, before it replaces a backup, whether it may: a dump takes its time.
class ReplacingSink final : public Sink {
 public:
  ReplacingSink(std::unique_ptr<Sink> below, std::function<void()> check)
      : below_(std::move(below)), check_(std::move(check)) {}

  void write(Bytes in, const Stop& stop) override { below_->write(in, stop); }
  void commit(const Stop& stop) override {
    check_();
    below_->commit(stop);
  }
  void abort() noexcept override { below_->abort(); }
  std::string name() const override { return below_->name(); }

 private:
  std::unique_ptr<Sink> below_;
  std::function<void()> check_;
};

}  // namespace

void check_backup_key(const std::string& key) {
  check_key(key);
  std::string reserved;
  for (const std::string_view suffix :
       {Manifest::kSuffix, Manifest::kDigestSuffix, kVerifiedSuffix, Manifest::kGlobalsSuffix}) {
    if (key.ends_with(suffix)) reserved = "ends in " + std::string(suffix);
  }
  if (key.starts_with(kHistoryPrefix)) reserved = "begins with " + std::string(kHistoryPrefix);
  if (!reserved.empty()) {
    throw Error(ErrorKind::config, kWriter,
                "key '" + key + "' " + reserved + ", which pgbak reserves");
  }
  check_key(globals_key(key));  // the longest companion has to fit, too
}

Catalog::Catalog(std::shared_ptr<Store> store, Run& run) : store_(std::move(store)), run_(run) {}

CatalogListing Catalog::list() const {
  const Objects objects(*store_);
  std::vector<std::string> keys;
  for (const ObjectInfo& object : objects.all()) {
    if (!object.key.ends_with(Manifest::kSuffix)) continue;
    keys.push_back(object.key.substr(0, object.key.size() - Manifest::kSuffix.size()));
  }
  std::vector<std::optional<ListedBackup>> found(keys.size());
  const auto failed = try_each(keys.size(), run_.stop, [&](std::size_t i) {
    const auto manifest = find(keys[i]);
    if (!manifest) return;  // deleted meanwhile
    const ObjectInfo* data = objects.find(keys[i]);
    const bool damaged = data == nullptr || data->size != manifest->stored_bytes;
    found[i] = {*manifest, damaged, !damaged && manifest->quarantine.empty()};
    if (objects.find(verified_key(keys[i])) != nullptr) {
      found[i]->verification = find_verification(*store_, *manifest, run_.stop);
    }
  });
  CatalogListing out;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string unread = found[i] ? verified_key(keys[i]) : meta_key(keys[i]);
    if (failed[i]) out.problems.push_back({unread, *failed[i]});
    if (found[i]) out.backups.push_back(*std::move(found[i]));
  }
  std::sort(out.backups.begin(), out.backups.end(), [](const Manifest& a, const Manifest& b) {
    return std::tie(b.started, b.id) < std::tie(a.started, a.id);
  });
  return out;
}

std::optional<Manifest> Catalog::find(const std::string& key) const {
  std::string text;
  try {
    text = store_->get(meta_key(key), run_.stop, kManifestLimitBytes);
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

std::unique_ptr<Sink> Catalog::writer(const std::string& key,
                                      const std::optional<Replaces>& replaces) const {
  check_backup_key(key);
  if (replaces && store_->head(meta_key(key))) {
    check_replaceable(key, *replaces);
    return std::make_unique<ReplacingSink>(
        store_->writer(key, {.overwrite = true}),
        [catalog = *this, key, by = *replaces] { catalog.begin_replacing(key, by); });
  }
  check_free(*store_, key);
  remove_orphan(*store_, key, run_.ledger.left_unpublished(store_->url(), key));
  return store_->writer(key, {});
}

void Catalog::check_takes(const std::string& key, const std::optional<Replaces>& replaces) const {
  if (replaces) {
    check_replaceable(key, *replaces);
  } else {
    check_free(*store_, key);
  }
}

Manifest Catalog::publish(Manifest manifest, const std::shared_ptr<const Blob>& globals) {
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
  for (std::string& why : manifest.quarantine) why = redact_patterns(why);
  for (auto& [name, value] : manifest.options.items()) {
    // A password may be a part of these names, and a restore needs them whole.
    static const std::set<std::string> kNames{"dbname", "schemas", "exclude_schemas", "tables",
                                              "exclude_tables"};
    if (!kNames.contains(name)) redact_strings(value);
  }
  for (std::string& line : manifest.restore) line = redact_patterns(line);
  if (globals) {
    manifest.globals = Globals{.sha256 = sha256_hex(globals->bytes),
                               .bytes = globals->bytes.size(),
                               .passwords = manifest.globals && manifest.globals->passwords};
  }
  write_companions(manifest, globals.get());
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
  std::optional<Blob> globals;
  try {
    if (manifest->has_globals()) globals = Catalog(original, run_).globals(*manifest);
  } catch (const Error& error) {
    // Data that is whole is worth a copy without them.
    if (error.kind() != ErrorKind::not_found && error.kind() != ErrorKind::corrupt) throw;
    manifest->globals = Globals{.problem = error.message()};
  }
  write_companions(*manifest, globals ? &*globals : nullptr);
  return *manifest;
}

Blob Catalog::globals(const Manifest& manifest) const {
  constexpr const char* kOp = "catalog.globals";
  const std::string key = globals_key(manifest.key);
  if (!manifest.has_globals()) {
    throw Error(ErrorKind::not_found, kOp,
                "backup '" + manifest.key + "' in " + store_->url() + " holds no globals" +
                    (manifest.globals ? ": " + manifest.globals->problem : ""));
  }
  Blob out{store_->get(key, run_.stop, manifest.globals->bytes)};
  if (sha256_hex(out.bytes) != manifest.globals->sha256) {
    throw Error(ErrorKind::corrupt, kOp,
                "'" + key + "' in " + store_->url() + " is not what its backup's manifest says");
  }
  return out;
}

void Catalog::write_companions(const Manifest& manifest, const Blob* globals) {
  const std::optional<Replaces> replaces =
      run_.ledger.committed(store_->url(), manifest.key).replaces;
  try {
    if (replaces && replaces->owner != manifest.owner()) {
      throw Error(ErrorKind::refused, kPublish,
                  "'" + manifest.key + "' may replace a backup of " + replaces->owner.text() +
                      ", and is one of " + manifest.owner().text());
    }
    if (replaces && replaces->complete && !manifest.complete()) {
      throw Error(ErrorKind::refused, kPublish,
                  "'" + manifest.key + "' was to be a complete backup, and is not");
    }
    if (replaces && replaces->type != manifest.type) {
      throw Error(ErrorKind::refused, kPublish,
                  "'" + manifest.key + "' was to be a backup of type '" + replaces->type +
                      "', and is one of type '" + manifest.type + "'");
    }
    const auto stored = store_->head(manifest.key);
    if (!stored || stored->size != manifest.stored_bytes) {
      throw Error(ErrorKind::corrupt, kPublish,
                  "'" + manifest.key + "' in " + store_->url() + " has " +
                      (stored ? std::to_string(stored->size) + " bytes" : "vanished") + ", " +
                      std::to_string(manifest.stored_bytes) + " were written");
    }
    if (globals != nullptr) {
      store_->put(globals_key(manifest.key), globals->bytes, {.overwrite = true}, run_.stop);
    } else if (replaces) {
      store_->remove(globals_key(manifest.key));
    }
    store_->put(digest_key(manifest.key), digest_line(manifest.sha256, manifest.key),
                {.overwrite = true}, run_.stop);
    if (replaces) store_->remove(verified_key(manifest.key));
    write_manifest(*store_, manifest.key, manifest.to_json(), {.overwrite = replaces.has_value()},
                   run_.stop);
  } catch (const Error& error) {
    run_.ledger.data_lost(store_->url(), manifest.key, error);
    throw;
  }
  run_.ledger.data_published(store_->url(), manifest.key);
}

Manifest Catalog::keep(const std::string& key, const std::optional<Keep>& keep) {
  return amend("keep", key, keep.has_value(), [&](Json& manifest) {
    // A year of five digits could never be read again.
    if (keep && keep->until) parse_rfc3339(format_rfc3339(*keep->until));
    manifest["keep"] = to_json(keep);
  });
}

Manifest Catalog::admit(const std::string& key) {
  return amend("admit", key, true, [](Json& manifest) { manifest["quarantine"] = nullptr; });
}

/// Changes what a manifest says; `kind` is that of the ledger's entry.
Manifest Catalog::amend(const std::string& kind, const std::string& key, bool needs_data,
                        const std::function<void(Json&)>& change) {
  const std::string op = "catalog." + kind;
  const std::size_t entry = run_.ledger.begin(kind, key);
  try {
    const auto manifest = find(key);
    if (!manifest) {
      throw Error(ErrorKind::not_found, op, "no backup '" + key + "' in " + store_->url());
    }
    const auto data = store_->head(key);
    if (needs_data && (!data || data->size != manifest->stored_bytes)) {
      throw Error(
          ErrorKind::corrupt, op,
          "'" + key + "' in " + store_->url() + " is damaged: its data is gone or has another size")
          .hint("no policy deletes it, but it is no backup to " + kind);
    }
    // What a newer pgbak wrote into it stays.
    Json json = parse_json(store_->get(meta_key(key), run_.stop, kManifestLimitBytes));
    change(json);
    write_manifest(*store_, key, json, {.overwrite = true}, run_.stop);
    if (data && !store_->head(key)) {
      // A run that deletes backups was here between: what is left must not look like one.
      store_->remove(meta_key(key));
      throw Error(ErrorKind::not_found, op,
                  "'" + key + "' in " + store_->url() + " was deleted meanwhile");
    }
    run_.ledger.succeed(entry);
    return Manifest::from_json(json, meta_key(key));
  } catch (const Error& error) {
    run_.ledger.fail(entry, error);
    throw;
  }
}

DeletionHistory Catalog::history(const std::optional<std::string>& key) const {
  const std::vector<ObjectInfo> objects = store_->list(std::string(kHistoryPrefix));
  std::vector<std::optional<DeletionRecord>> found(objects.size());
  const auto failed = try_each(objects.size(), run_.stop, [&](std::size_t i) {
    found[i] = read_history(*store_, objects[i].key, run_.stop);
  });
  DeletionHistory out;
  for (std::size_t i = objects.size(); i-- > 0;) {  // keys begin with the time
    if (failed[i]) out.problems.push_back({objects[i].key, *failed[i]});
    if (!found[i]) continue;
    if (key) std::erase_if(found[i]->deletions, [&](const auto& each) { return each.key != *key; });
    if (!found[i]->deletions.empty()) out.records.push_back(*std::move(found[i]));
  }
  return out;
}

}  // namespace pgbak
