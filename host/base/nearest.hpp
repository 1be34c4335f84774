// "Did you mean …?": the word that a misspelt one stands for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgbak {

/// The candidate with the fewest edits (insertion, deletion, substitution, swap of neighbours; case
/// does not count) from `word`, or empty when none is closer than about a third of its letters.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace pgbak
