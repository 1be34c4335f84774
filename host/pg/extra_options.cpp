#include "host/pg/extra_options.hpp"

#include <algorithm>

#include "host/base/error.hpp"

namespace pgbak {
namespace {

using Refused = std::vector<RefusedOption>;

Refused::const_iterator match_long(const std::string& option, const Refused& refused) {
  const std::string name = option.substr(2, option.find('=') - 2);
  if (name.empty()) return refused.end();
  return std::find_if(refused.begin(), refused.end(),
                      [&](const RefusedOption& each) { return each.name.starts_with(name); });
}

Refused::const_iterator match_letters(const std::string& option, const Refused& refused,
                                      std::string_view letters_with_value) {
  for (const char letter : option.substr(1)) {
    const auto found = std::find_if(refused.begin(), refused.end(), [&](const RefusedOption& each) {
      return each.letter == letter;
    });
    if (found != refused.end()) return found;
    if (letters_with_value.find(letter) != std::string_view::npos) break;
  }
  return refused.end();
}

/// With one of these pg_dump dumps only a part.
constexpr std::string_view kChoosing[] = {
    "data-only",   "extension", "filter",          "no-data", "no-schema",         "schema",
    "schema-only", "section",   "statistics-only", "table",   "table-and-children"};

bool long_narrows(std::string_view option, std::string_view next) {
  const std::size_t equals = std::min(option.find('='), option.size());
  const std::string_view name = option.substr(2, equals - 2);
  // pg_dump takes any abbreviation that fits one option only.
  if (name.starts_with("exclude-")) {
    return matches_all(equals < option.size() ? option.substr(equals + 1) : next);
  }
  return std::ranges::any_of(kChoosing,
                             [&](std::string_view each) { return each.starts_with(name); });
}

bool letters_narrow(std::string_view option, std::string_view next) {
  for (std::size_t i = 1; i < option.size(); ++i) {
    const char letter = option[i];
    if (std::string_view("aenst").find(letter) != std::string_view::npos) return true;
    if (letter == 'N' || letter == 'T') {
      return matches_all(i + 1 < option.size() ? option.substr(i + 1) : next);
    }
    if (letter == 'E' || letter == 'S') return false;  // the rest is its value
  }
  return false;
}

}  // namespace

bool matches_all(std::string_view pattern) {
  return pattern.find('*') != std::string_view::npos &&
         pattern.find_first_not_of("*?.+|()[]^\"") == std::string_view::npos;
}

bool narrows_dump(const std::vector<std::string>& extra) {
  for (std::size_t i = 0; i < extra.size(); ++i) {
    const std::string_view next = i + 1 < extra.size() ? extra[i + 1] : std::string_view();
    if (extra[i] == "--") return false;
    if (!extra[i].starts_with('-')) continue;
    const auto narrows = extra[i].starts_with("--") ? long_narrows : letters_narrow;
    if (narrows(extra[i], next)) return true;
  }
  return false;
}

void check_extra_options(const std::string& tool, const std::vector<std::string>& extra,
                         const Refused& refused, std::string_view letters_with_value) {
  for (const std::string& option : extra) {
    if (!option.starts_with('-')) continue;
    const auto found = option.starts_with("--")
                           ? match_long(option, refused)
                           : match_letters(option, refused, letters_with_value);
    if (found == refused.end()) continue;
    throw Error(ErrorKind::config, "pg.extra",
                "extra option '" + option + "' of " + tool + " is not allowed: it means --" +
                    std::string(found->name))
        .hint(std::string(found->advice));
  }
}

}  // namespace pgbak
