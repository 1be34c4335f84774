#include "host/job/sweep.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "host/base/error.hpp"
#include "host/job/history.hpp"
#include "host/job/manifest.hpp"
#include "host/job/objects.hpp"
#include "host/job/parallel.hpp"
#include "host/job/verification.hpp"

namespace pgbak {
namespace {

/// "a.sha256" and what else may stand beside "a" before its manifest does.
struct Companion {
  std::string_view suffix;
  Leftover::Kind kind;
};
constexpr std::array<Companion, 3> kCompanions{{{Manifest::kDigestSuffix, Leftover::Kind::digest},
                                                {Manifest::kGlobalsSuffix, Leftover::Kind::globals},
                                                {kVerifiedSuffix, Leftover::Kind::verification}}};

/// What kind of companion this is, or null.
const Companion* companion_of(const std::string& key) {
  const auto found = std::ranges::find_if(
      kCompanions, [&](const Companion& each) { return key.ends_with(each.suffix); });
  return found == kCompanions.end() ? nullptr : &*found;
}

/// "a" of "a.sha256" and the others; empty for what stands beside no data.
std::string data_key(const std::string& key) {
  const Companion* companion = companion_of(key);
  return companion == nullptr ? std::string()
                              : key.substr(0, key.size() - companion->suffix.size());
}

std::vector<Leftover> find_orphans(Store& store, WallTime before) {
  const Objects objects(store);
  std::vector<Leftover> out;
  for (const ObjectInfo& object : objects.all()) {
    if (object.key.starts_with(kHistoryPrefix)) continue;
    if (object.key.ends_with(Manifest::kSuffix) || objects.find(meta_key(object.key))) continue;
    Leftover found{.key = object.key, .size = object.size, .time = object.modified};
    if (const std::string data = data_key(object.key); !data.empty()) {
      if (objects.find(data) || objects.find(meta_key(data))) continue;
      found.kind = companion_of(object.key)->kind;
    } else {
      for (const std::string& beside : {digest_key(object.key), globals_key(object.key)}) {
        const ObjectInfo* companion = objects.find(beside);
        if (companion != nullptr) found.time = std::max(found.time, companion->modified);
      }
    }
    if (found.time <= before) out.push_back(std::move(found));
  }
  return out;
}

/// Removes an orphan; false when it is none any more.
bool remove_orphan(Store& store, const Leftover& orphan) {
  const auto now = store.head(orphan.key);
  if (!now || now->size != orphan.size || now->modified > orphan.time) return false;
  if (orphan.kind != Leftover::Kind::data) {
    const std::string data = data_key(orphan.key);
    if (store.head(data) || store.head(meta_key(data))) return false;
    return store.remove(orphan.key);
  }
  if (store.head(meta_key(orphan.key))) return false;
  store.remove_all(
      {verified_key(orphan.key), digest_key(orphan.key), globals_key(orphan.key), orphan.key});
  return true;
}

Leftover describe(Store& store, const Unfinished& what) {
  Leftover out{.key = what.key, .time = what.started};
  if (what.kind == Unfinished::Kind::temporary_file) {
    out.kind = Leftover::Kind::temporary_file;
    out.marked = true;
    return out;
  }
  out.kind = Leftover::Kind::upload;
  // Ceph, when it crashes while it completes an upload, keeps it in the list beside the object. To
  // abort it then takes the object's bytes away (seen with 16.2.15).
  out.backup = store.head(meta_key(what.key)).has_value();
  static const std::vector<std::string> kEnds{".sql", ".dump", ".gz", ".zst"};
  out.marked =
      std::ranges::any_of(kEnds, [&](const std::string& end) { return what.key.ends_with(end); });
  return out;
}

/// Whether it is to be removed.
bool chosen(const Leftover& what, const SweepOptions& options) {
  if (!options.remove || what.backup) return false;
  return options.keys.empty() ? what.marked : options.keys.contains(what.key);
}

/// Calls `remove`, which says whether there was something to remove, and records it.
template <typename Remove>
void record(Run& run, Leftover& what, Remove remove) {
  run.stop.check("catalog.sweep");
  try {
    what.removed = remove();
    if (what.removed) run.ledger.succeed(run.ledger.begin("sweep", what.key));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    what.error = error;
    run.ledger.fail(run.ledger.begin("sweep", what.key), error);
  }
}

}  // namespace

std::string_view to_string(Leftover::Kind kind) {
  switch (kind) {
    case Leftover::Kind::data:
      return "data";
    case Leftover::Kind::digest:
      return "digest";
    case Leftover::Kind::globals:
      return "globals";
    case Leftover::Kind::verification:
      return "verification";
    case Leftover::Kind::upload:
      return "upload";
    case Leftover::Kind::temporary_file:
      return "temporary file";
  }
  return "data";
}

std::vector<Leftover> sweep(Store& store, Run& run, const SweepOptions& options) {
  const WallTime before = wall_now() - options.older_than;
  std::vector<Leftover> out = find_orphans(store, before);
  in_parallel(out.size(), run.stop,
              [&](std::size_t i) { out[i].marked = store.marked(out[i].key); });
  for (Leftover& each : out) {
    if (!chosen(each, options)) continue;
    record(run, each, [&] { return remove_orphan(store, each); });
  }
  for (const Unfinished& each : store.unfinished()) {
    if (each.started > before) continue;
    Leftover& found = out.emplace_back(describe(store, each));
    if (!chosen(found, options)) continue;
    record(run, found, [&] {
      store.discard(each);
      return true;
    });
  }
  return out;
}

}  // namespace pgbak
