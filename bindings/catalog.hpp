// What the parts of pgbak.catalog share; translation only.
#pragma once

#include <vector>

#include "bindings/call.hpp"
#include "host/job/catalog.hpp"

namespace pgbak {

/// Array of {key, message}.
Json for_lua(const std::vector<CatalogProblem>& problems);

/// `functions` and those that delete, or tell of deletions.
std::vector<Function> with_removal_functions(std::vector<Function> functions);

}  // namespace pgbak
