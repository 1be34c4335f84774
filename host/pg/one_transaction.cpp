#include "host/pg/one_transaction.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "host/pg/dump_inspector.hpp"

namespace pgbak {
namespace {

// As pg_dump writes them, with the line end before.
constexpr std::array<std::string_view, 2> kStatements{"\nBEGIN;", "\nCOMMIT;"};

std::string_view text_of(Bytes in) { return {reinterpret_cast<const char*>(in.data()), in.size()}; }

/// How many bytes at the end of `text` may be the beginning of one of them.
std::size_t unfinished(std::string_view text) {
  const std::size_t line = text.rfind('\n');
  if (line == std::string_view::npos) return 0;
  const std::string_view end = text.substr(line);
  const bool may_be = std::any_of(
      kStatements.begin(), kStatements.end(),
      [&](std::string_view each) { return end.size() < each.size() && each.starts_with(end); });
  return may_be ? end.size() : 0;
}

class OneTransaction final : public Filter {
 public:
  void write(Bytes in, const Downstream& out) override {
    if (held_.empty()) return take(text_of(in), out);
    const std::string joined = std::exchange(held_, {}).append(text_of(in));
    take(joined, out);
  }

  void finish(const Downstream& out) override {
    pass(std::exchange(held_, {}), out);
    inspector_->finish();
  }

  std::string name() const override { return "one transaction"; }

 private:
  void take(std::string_view text, const Downstream& out) {
    for (;;) {
      const auto [at, size] = first_in(text);
      if (at == std::string_view::npos) break;
      pass(text.substr(0, at + 1), out);
      const std::string_view statement = text.substr(at + 1, size - 1);
      const bool is_one = inspector_->between_statements();
      if (is_one) {
        inspector_->write(statement);
      } else {
        pass(statement, out);
      }
      text.remove_prefix(at + size);
    }
    const std::size_t kept = unfinished(text);
    pass(text.substr(0, text.size() - kept), out);
    held_ = text.substr(text.size() - kept);
  }

  /// Where the first one begins, and its size.
  static std::pair<std::size_t, std::size_t> first_in(std::string_view text) {
    std::pair<std::size_t, std::size_t> first{std::string_view::npos, 0};
    for (const std::string_view each : kStatements) {
      const std::size_t at = text.substr(0, first.first).find(each);
      if (at < first.first) first = {at, each.size()};
    }
    return first;
  }

  void pass(std::string_view text, const Downstream& out) {
    if (text.empty()) return;
    inspector_->write(text);
    out.emit(std::as_bytes(std::span(text)));
  }

  const std::unique_ptr<DumpInspector> inspector_ = plain_inspector();
  std::string held_;  // the end of what came, if that may be the beginning of a statement
};

}  // namespace

std::unique_ptr<Filter> one_transaction_filter() { return std::make_unique<OneTransaction>(); }

}  // namespace pgbak
