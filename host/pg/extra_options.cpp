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

}  // namespace

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
