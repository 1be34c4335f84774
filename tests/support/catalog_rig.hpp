// For tests of what a catalog does to its store.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host/job/catalog.hpp"
#include "tests/support/backups.hpp"
#include "tests/support/recording_store.hpp"

/// A run with a catalog over an empty store that notes what is done to it.
struct CatalogRig {
  CatalogRig() {
    for (const pgbak::ObjectInfo& each : below->list("")) below->remove(each.key);
    store->calls.clear();
  }
  /// Data as stream.run leaves it in the store and the ledger.
  void commit(const std::string& key, const std::string& content, const std::string& last_filter) {
    put(*below, key, content);
    pgbak::CommittedData data;
    data.started = pgbak::parse_rfc3339("2026-09-21T02:00:00Z");
    data.finished = pgbak::parse_rfc3339("2026-09-21T02:01:00Z");
    data.report.in_bytes = 1000;
    data.report.out_bytes = 4;
    data.report.seconds = 60;
    data.report.filters = {{"gzip", 1000, 4, ""}, {last_filter, 4, 4, pgbak::sha256_hex("data")}};
    data.destinations = std::make_shared<std::vector<pgbak::DestinationOutcome>>(
        std::vector<pgbak::DestinationOutcome>{{store->url(), key, required, std::nullopt}});
    run.ledger.data_committed(store->url(), key, data);
  }
  std::vector<std::string> keys() const {
    std::vector<std::string> out;
    for (const pgbak::ObjectInfo& each : below->list("")) out.push_back(each.key);
    return out;
  }

  pgbak::Stop stop;
  pgbak::Run run{stop};
  std::shared_ptr<pgbak::Store> below = pgbak::memory_store("catalog_test");
  std::shared_ptr<RecordingStore> store = std::make_shared<RecordingStore>(below);
  pgbak::Catalog catalog{store, run};
  bool required = true;
};
