#include "host/cli/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "host/base/log.hpp"
#include "host/base/redact.hpp"
#include "host/base/text.hpp"
#include "host/base/units.hpp"

namespace pgbak {
namespace {

constexpr std::size_t kDetailLines = 12;
constexpr std::size_t kMostEntries = 20;

// Redacted first: a secret of several lines would not be found any more.
std::string name_shown(std::string_view name) { return printable_name(redact(name)); }
std::string text_shown(std::string_view text) { return printable_lines(redact(text)); }

struct Paint {
  bool on;
  std::string operator()(std::string_view code, std::string_view text) const {
    return on ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
  }
};

std::string last_lines(const std::string& text, std::size_t count) {
  std::size_t at = text.find_last_not_of('\n');
  if (at == std::string::npos) return {};
  const std::size_t end = at + 1;
  for (std::size_t lines = 0; at > 0; --at) {
    if (text[at - 1] == '\n' && ++lines == count) break;
  }
  return text.substr(at, end - at);
}

bool recorded(const Run& run, const Error& error) {
  return std::any_of(
      run.ledger.entries().begin(), run.ledger.entries().end(),
      [&](const LedgerEntry& entry) { return entry.error && entry.error->text() == error.text(); });
}

/// `head` is "error:" or "degraded:".
std::string failure_text(const std::string& head, const std::string& what, const Error& error,
                         const std::vector<std::string>& hints, const Paint& paint) {
  std::string out = fmt::format("{} {}\n", head, name_shown(what) + text_shown(error.text()));
  for (const std::string& hint : hints) {
    out += fmt::format("{}  {}\n", paint("33", "hint:"), text_shown(hint));
  }
  // The message already ends with the detail's last line; more of it only when there is more.
  if (error.detail().find('\n') < error.detail().find_last_not_of('\n')) {
    out += "    " + text_shown(last_lines(error.detail(), kDetailLines)) + "\n";
  }
  return out;
}

std::string entry_text(const Paint& paint, const LedgerEntry& entry) {
  std::string state = entry.state == EntryState::succeeded      ? paint("32", "ok  ")
                      : entry.state == EntryState::acknowledged ? paint("33", "ack ")
                      : entry.state == EntryState::degraded     ? paint("33", "degr")
                                                                : paint("31", "FAIL");
  std::string out = fmt::format("  {} {:<8} {}", state, entry.kind, name_shown(entry.object));
  if (entry.in_bytes > 0) {
    out += fmt::format("  {} → {}", human_bytes(entry.in_bytes), human_bytes(entry.out_bytes));
  }
  out += "  " + human_seconds(entry.seconds);
  if (!entry.note.empty()) out += "  (" + name_shown(entry.note) + ")";
  if (entry.state == EntryState::acknowledged) {
    out += fmt::format("  ({}; acknowledged: {})", name_shown(entry.error->text()),
                       name_shown(entry.reason));
  }
  return out + "\n";
}

/// What to do about a failure: its own hint, and those that the steps around it added as it passed.
std::vector<std::string> hints_of(const Run& run, const LedgerEntry& failed) {
  std::vector<std::string> out;
  for (const LedgerEntry* at = &failed; at != nullptr;
       at = at->parent ? &run.ledger.entries()[*at->parent] : nullptr) {
    // A transfer goes well although one of its destinations has failed.
    if (!at->error || at->error->text().find(failed.error->message()) == std::string::npos)
      continue;
    const std::string& hint = at->error->hint();
    if (hint.empty()) continue;
    // A step's hint often repeats the one from below and adds to it.
    std::erase_if(out, [&](const std::string& below) { return hint.find(below) != hint.npos; });
    out.push_back(hint);
  }
  return out;
}

/// Steps, what happened outside of any step, deletions and destinations that failed; other parts
/// of a step show in its numbers.
std::string entries_text(const Paint& paint, const Run& run) {
  std::string out;
  std::size_t shown = 0;
  std::size_t left_out = 0;
  for (const LedgerEntry& entry : run.ledger.entries()) {
    if (entry.parent && entry.kind != "delete" && entry.kind != "store") continue;
    const bool trouble = entry.state == EntryState::failed || entry.state == EntryState::degraded;
    if (!trouble && shown >= kMostEntries) {
      ++left_out;
      continue;
    }
    out += entry_text(paint, entry);
    ++shown;
  }
  if (left_out > 0) out += fmt::format("  … and {} more that went well\n", left_out);
  return out;
}

/// For people as it is; for collectors each part as one line of the log.
void show(log::Level level, std::string text) {
  if (log::is_json()) {
    text.pop_back();  // the line's end
    log::write(level, text);
    return;
  }
  text = redact(text);
  std::fflush(stdout);  // what was printed before comes before, also where both go into one file
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

void print_summary(const Run& run, const std::optional<Error>& script_error, bool colour) {
  const Paint paint{colour && !log::is_json()};
  const auto tell = [&](log::Level level, const std::string& head, const LedgerEntry& entry) {
    show(level, failure_text(head, fmt::format("{} '{}': ", entry.kind, entry.object), *entry.error,
                             hints_of(run, entry), paint));
  };
  const auto failures = run.ledger.failures();
  const auto degraded = run.ledger.degraded();
  const std::string error_head = paint("31;1", "error:");
  for (const LedgerEntry* each : failures) tell(log::Level::error, error_head, *each);
  for (const LedgerEntry* each : degraded) {
    tell(log::Level::warn, paint("33;1", "degraded:"), *each);
  }
  if (script_error && !recorded(run, *script_error)) {
    const std::string& hint = script_error->hint();
    show(log::Level::error,
         failure_text(error_head, "", *script_error,
                      hint.empty() ? std::vector<std::string>{} : std::vector{hint}, paint));
  }
  const std::string entries = entries_text(paint, run);
  if (!entries.empty()) {
    const bool good = failures.empty() && !script_error;
    const double seconds =
        std::chrono::duration<double>(SteadyClock::now() - run.started_steady).count();
    const std::string verdict = good && degraded.empty() ? paint("32;1", "succeeded")
                                : good                   ? paint("33;1", "degraded")
                                : run.stop.requested()   ? paint("31;1", "stopped")
                                                         : paint("31;1", "FAILED");
    show(good ? log::Level::info : log::Level::error,
         fmt::format("{} {} after {}\n{}", run.script, verdict, human_seconds(seconds), entries));
  }
}

}  // namespace pgbak
