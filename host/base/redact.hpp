// Keeps secrets out of everything that a person or a file may see. Secrets register themselves
// (secret.hpp); logs, errors and manifests pass through redact().
#pragma once

#include <string>
#include <string_view>

#include "host/base/json.hpp"

namespace pgbak {

/// Adds `value` to the words that redact() masks, in its plain and its percent-encoded form.
/// Values shorter than 4 bytes are not masked by search (they would mask half of every log line);
/// the pattern rules of redact() still cover them. Thread-safe.
void register_secret(std::string_view value);

/// `text` with every registered secret, the password of every URL (`://user:password@`) and the
/// value of every `password=` / `sslpassword=` replaced by `***`. Thread-safe.
std::string redact(std::string_view text);

/// redact() for each text in a tree, for what users write freely; names of fields, keys and command
/// lines stay as they are, since a password may be a part of a database's name.
void redact_strings(Json& json);

/// Only the patterns of redact(), not the registered words: for command lines, which must still
/// work when a secret happens to be part of a name.
std::string redact_patterns(std::string_view text);

}  // namespace pgbak
