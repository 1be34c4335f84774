// Recording what came of a verification. Lua thread.
#include "host/base/environment.hpp"
#include "host/base/error.hpp"
#include "host/base/redact.hpp"
#include "host/job/catalog.hpp"

namespace pgbak {

Json Catalog::record_verification(const std::string& key, const std::string& id, const Json& told) {
  constexpr const char* kOp = "catalog.verify";
  const std::size_t entry = run_.ledger.begin("record", verified_key(key));
  const std::string what = "'" + key + "' in " + store_->url();
  try {
    const auto manifest = find(key);
    if (!manifest) throw Error(ErrorKind::not_found, kOp, "no backup " + what);
    if (manifest->id != id) {
      throw Error(ErrorKind::refused, kOp,
                  what + " is backup " + manifest->id + " now, and " + id + " was verified")
          .hint("verify the new one");
    }
    Json shown = told;
    redact_strings(shown);
    Json record = verification_record(shown, *manifest);
    record["run"] = run_.id;
    record["host"] = host_name();
    record["script"] = run_.script;
    record["pgbak_version"] = PGBAK_VERSION;
    store_->put(verified_key(key),
                record.dump(2, ' ', false, Json::error_handler_t::replace) + "\n",
                {.overwrite = true}, run_.stop);
    if (!store_->head(meta_key(key))) {
      // A run that deletes backups was here between: what it left must not stay for ever.
      store_->remove(verified_key(key));
      throw Error(ErrorKind::not_found, kOp, what + " was deleted meanwhile");
    }
    run_.ledger.succeed(entry);
    return record;
  } catch (const Error& error) {
    run_.ledger.fail(entry, error);
    throw;
  }
}

}  // namespace pgbak
