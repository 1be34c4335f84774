// Names that nothing else has.
#pragma once

#include <string>

namespace pgbak {

/// 16 random hex digits (getrandom(2)).
std::string random_id();

}  // namespace pgbak
