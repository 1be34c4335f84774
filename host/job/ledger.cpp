#include "host/job/ledger.hpp"

#include <algorithm>

namespace pgbak {

std::string_view to_string(EntryState state) {
  switch (state) {
    case EntryState::running:
      return "running";
    case EntryState::succeeded:
      return "succeeded";
    case EntryState::failed:
      return "failed";
    case EntryState::degraded:
      return "degraded";
    case EntryState::acknowledged:
      return "acknowledged";
  }
  return "failed";
}

Json to_json(const std::vector<DestinationOutcome>& outcomes) {
  Json out = Json::array();
  for (const DestinationOutcome& each : outcomes) {
    Json json{{"store", each.store},
              {"key", each.key},
              {"required", each.required},
              {"state", each.error ? "failed" : "stored"}};
    if (each.error) json["message"] = each.error->text();
    out.push_back(std::move(json));
  }
  return out;
}

std::size_t Ledger::begin(std::string kind, std::string object, std::string note) {
  LedgerEntry entry;
  entry.kind = std::move(kind);
  entry.object = std::move(object);
  entry.note = std::move(note);
  entry.started = SteadyClock::now();
  if (!open_steps_.empty()) entry.parent = open_steps_.back();
  entries_.push_back(std::move(entry));
  return entries_.size() - 1;
}

void Ledger::succeed(std::size_t entry) {
  LedgerEntry& ended = entries_.at(entry);
  ended.state = EntryState::succeeded;
  ended.seconds = std::chrono::duration<double>(SteadyClock::now() - ended.started).count();
}

void Ledger::fail(std::size_t entry, const Error& error) {
  succeed(entry);
  entries_[entry].state = EntryState::failed;
  entries_[entry].error = error;
}

void Ledger::destination_failed(const DestinationOutcome& outcome) {
  const std::size_t entry = begin("store", outcome.key + " in " + outcome.store);
  fail(entry, *outcome.error);
  if (!outcome.required) entries_[entry].state = EntryState::degraded;
}

void Ledger::count_bytes(std::size_t entry, std::uint64_t in, std::uint64_t out) {
  for (std::optional<std::size_t> at = entry; at; at = entries_[*at].parent) {
    entries_.at(*at).in_bytes += in;
    entries_[*at].out_bytes += out;
  }
}

void Ledger::enter(std::size_t entry) { open_steps_.push_back(entry); }
void Ledger::leave() { open_steps_.pop_back(); }

void Ledger::acknowledge(const std::string& kind, const std::string& object,
                         const std::string& reason) {
  settle("run.acknowledge", kind, object, EntryState::acknowledged, reason);
}

void Ledger::degrade(const std::string& kind, const std::string& object) {
  std::size_t latest = entries_.size();
  while (latest > 0) {
    const LedgerEntry& entry = entries_[--latest];
    if (entry.kind == kind && entry.object == object) break;
  }
  settle("run.degrade", kind, object, EntryState::degraded, {}, latest);
}

void Ledger::settle(const char* op, const std::string& kind, const std::string& object,
                    EntryState state, const std::string& reason, std::size_t first) {
  const auto named = [&](const LedgerEntry& entry) {
    return entry.kind == kind && entry.object == object;
  };
  bool found = false;
  for (std::size_t i = first; i < entries_.size(); ++i) {
    LedgerEntry& entry = entries_[i];
    bool concerned = named(entry);
    for (auto up = entry.parent; up && *up >= first && !concerned; up = entries_[*up].parent) {
      concerned = named(entries_[*up]);
    }
    const bool counts = entry.state == EntryState::failed || entry.state == EntryState::degraded;
    if (!concerned || !counts) continue;
    entry.state = state;
    entry.reason = reason;
    found = true;
  }
  if (!found) {
    throw Error(ErrorKind::not_found, op, "no " + kind + " of '" + object + "' has failed");
  }
}

void Ledger::data_committed(const std::string& store_url, const std::string& key,
                            CommittedData data) {
  unpublished_.insert_or_assign({store_url, key}, std::move(data));
}

const CommittedData& Ledger::committed(const std::string& store_url, const std::string& key) const {
  const auto found = unpublished_.find({store_url, key});
  if (found == unpublished_.end()) {
    throw Error(ErrorKind::refused, "catalog.publish",
                "no data of this run waits for a manifest at '" + key + "' in " + store_url)
        .hint("publish a key once, after stream.run has written it to that store");
  }
  return found->second;
}

void Ledger::data_published(const std::string& store_url, const std::string& key) {
  const bool replaced = committed(store_url, key).replaces.has_value();
  unpublished_.erase({store_url, key});
  lost_.erase({store_url, key});
  if (!replaced) published_.insert({store_url, key});
}

void Ledger::data_lost(const std::string& store_url, const std::string& key, const Error& error) {
  for (DestinationOutcome& outcome : *unpublished_.at({store_url, key}).destinations) {
    if (outcome.store != store_url || outcome.key != key || outcome.error) continue;
    outcome.error = error;
    destination_failed(outcome);
  }
  unpublished_.erase({store_url, key});
  lost_.insert({store_url, key});
}

bool Ledger::left_unpublished(const std::string& store_url, const std::string& key) const {
  return unpublished_.contains({store_url, key}) || lost_.contains({store_url, key});
}

bool Ledger::take_back(const std::string& store_url, const std::string& key) {
  return published_.erase({store_url, key}) > 0;
}

void Ledger::keep_published(const std::string& store_url) {
  std::erase_if(published_, [&](const Place& place) { return place.first == store_url; });
}

void Ledger::close() {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].state != EntryState::running) continue;
    fail(i,
         Error(ErrorKind::refused, "run",
               entries_[i].kind + " of '" + entries_[i].object + "' was never brought to its end")
             .hint("wait for every pipeline that the script starts"));
  }
  for (const auto& [where, data] : unpublished_) {
    fail(begin("publish", where.second),
         Error(ErrorKind::refused, "run",
               "'" + where.second + "' was written to " + where.first + " but has no manifest")
             .hint("call catalog.publish after stream.run"));
  }
  unpublished_.clear();
}

std::vector<const LedgerEntry*> Ledger::failures() const { return unexplained(EntryState::failed); }

std::vector<const LedgerEntry*> Ledger::degraded() const {
  return unexplained(EntryState::degraded);
}

std::vector<const LedgerEntry*> Ledger::unexplained(EntryState state) const {
  std::vector<bool> explained(entries_.size(), false);
  // Children come after their parents, so one pass from the end suffices.
  for (std::size_t i = entries_.size(); i-- > 0;) {
    const bool explains = entries_[i].state == state || explained[i];
    if (explains && entries_[i].parent) explained[*entries_[i].parent] = true;
  }
  std::vector<const LedgerEntry*> out;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].state == state && !explained[i]) out.push_back(&entries_[i]);
  }
  return out;
}

}  // namespace pgbak
