// How backups are deleted: floors, history, manifests, data, in this order.
#include <algorithm>
#include <set>

#include "host/base/environment.hpp"
#include "host/base/error.hpp"
#include "host/base/redact.hpp"
#include "host/job/catalog.hpp"
#include "host/job/floors.hpp"
#include "host/job/verification.hpp"

namespace pgbak {
namespace {

/// The value under `key`, or an empty one.
template <typename Map>
typename Map::mapped_type value_of(const Map& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? typename Map::mapped_type() : found->second;
}

/// "over the last 7 (policies/retention.lua:6)"
std::string note_of(const std::string& key, const RemoveOptions& options) {
  std::string out;
  for (const std::string& each : value_of(options.reasons, key)) {
    out += (out.empty() ? "" : "; ") + each;
  }
  const std::string rule = value_of(options.rules, key);
  if (!rule.empty()) out += (out.empty() ? "(" : " (") + rule + ")";
  return redact(out);
}

FloorBackup for_floors(const ListedBackup& backup, const Owner& owner, bool remove) {
  return {.id = backup.id,
          .name = backup.key,
          .started = backup.started,
          .finished = backup.finished,
          .good = backup.good,
          .complete = backup.complete(),
          .verified = backup.verified(),
          .keep = backup.keep,
          .remove = remove,
          .foreign = backup.owner() == owner ? std::string()
                                             : backup.owner().text() + ", not of " + owner.text()};
}

}  // namespace

void Catalog::discard(const std::string& key) {
  if (!run_.ledger.take_back(store_->url(), key)) {
    throw Error(ErrorKind::refused, "catalog.discard",
                "'" + key + "' in " + store_->url() +
                    " is not a backup that this run made and may take back");
  }
  remove_whole("discard", {key}, {""});
}

std::vector<Removal> Catalog::remove(const std::vector<std::string>& keys, const Owner& owner,
                                     const RemoveOptions& options) {
  std::vector<ListedBackup> going;
  try {
    going = check_removal(keys, owner, options);
    if (!options.dry_run && !going.empty()) write_history(going, owner, options);
  } catch (const Error& error) {
    run_.ledger.fail(run_.ledger.begin("delete", "backups of " + owner.database), error);
    throw;
  }
  if (options.dry_run) going.clear();
  std::vector<std::string> gone, notes;
  for (const ListedBackup& each : going) {
    gone.push_back(each.key);
    notes.push_back(note_of(each.key, options));
  }
  if (!gone.empty()) run_.ledger.keep_published(store_->url());
  remove_whole("delete", gone, notes);
  std::vector<Removal> out;
  for (const std::string& key : std::set<std::string>(keys.begin(), keys.end())) {
    out.push_back({key, std::ranges::find(gone, key) != gone.end()});
  }
  return out;
}

/// Those of the keys that are there; throws for what must stay.
std::vector<ListedBackup> Catalog::check_removal(const std::vector<std::string>& keys,
                                                 const Owner& owner,
                                                 const RemoveOptions& options) const {
  check_backup_of_run(run_.ledger, owner.database, options.without_backup);
  const std::set<std::string> asked(keys.begin(), keys.end());
  CatalogListing listing = list();
  for (const CatalogProblem& problem : listing.problems) {
    for (const std::string& key : asked) {
      if (problem.key == meta_key(key) || problem.key == verified_key(key)) throw problem.error;
    }
  }
  std::vector<FloorBackup> backups;
  for (const ListedBackup& each : listing.backups) {
    backups.push_back(for_floors(each, owner, asked.contains(each.key)));
  }
  check_floors(backups, {.now = wall_now(),
                         .min_keep = options.min_keep,
                         .allow_mass_delete = options.allow_mass_delete,
                         .shelf = "'" + owner.database + "' in " + store_->url()});
  std::erase_if(listing.backups, [&](const auto& each) { return !asked.contains(each.key); });
  return std::move(listing.backups);
}

void Catalog::write_history(const std::vector<ListedBackup>& going, const Owner& owner,
                            const RemoveOptions& options) const {
  DeletionRecord record{.time = wall_now(),
                        .run = run_.id,
                        .script = run_.script,
                        .host = host_name(),
                        .pgbak_version = PGBAK_VERSION,
                        .database = owner.database,
                        .cluster = owner.cluster,
                        .policy = options.policy,
                        .deletions = {}};
  for (const ListedBackup& each : going) {
    record.deletions.push_back({.key = each.key,
                                .id = each.id,
                                .type = each.type,
                                .started = each.started,
                                .stored_bytes = each.stored_bytes,
                                .reasons = value_of(options.reasons, each.key),
                                .rule = value_of(options.rules, each.key)});
  }
  try {
    pgbak::write_history(*store_, record, run_.records++, run_.stop);
  } catch (const Error& error) {
    throw error.with_context("nothing was deleted, since the history cannot be written");
  }
}

void Catalog::remove_whole(const std::string& kind, const std::vector<std::string>& keys,
                           const std::vector<std::string>& notes) {
  std::vector<std::size_t> entries;
  std::vector<std::string> manifests, rest;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    entries.push_back(run_.ledger.begin(kind, keys[i], notes[i]));
    manifests.push_back(meta_key(keys[i]));
    rest.insert(rest.end(),
                {verified_key(keys[i]), digest_key(keys[i]), globals_key(keys[i]), keys[i]});
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
