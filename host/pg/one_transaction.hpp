// A plain dump that is to be restored in one transaction.
#pragma once

#include <memory>

#include "host/stream/stage.hpp"

namespace pgbak {

/// Takes out the BEGIN and COMMIT that pg_dump puts around large objects: inside of a transaction
/// for the whole dump that COMMIT would end it early. What looks like them in rows, strings and
/// functions stays. Throws Error{corrupt} when the dump is cut short.
std::unique_ptr<Filter> one_transaction_filter();

}  // namespace pgbak
