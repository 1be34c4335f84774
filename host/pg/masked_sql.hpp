// SQL and the server's words about it, fit for logs: without what rows hold.
#pragma once

#include <string>
#include <string_view>

namespace pgbak {

/// A statement in one line of at most 200 bytes, with '…' for string literals, $$…$$ for
/// dollar-quoted ones, and without the values of an INSERT.
std::string masked_statement(std::string_view sql);

/// The server's message about `statement`, in one line; where that is about rows (COPY, INSERT)
/// without the values that the server quotes.
std::string masked_message(std::string_view message, std::string_view statement);

}  // namespace pgbak
