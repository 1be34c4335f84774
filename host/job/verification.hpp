// The proof that a backup was restored and passed its checks: `<key>.verified` beside it, one JSON
// object (docs/manifest.md). It goes with its backup. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "host/job/manifest.hpp"
#include "host/store/store.hpp"

namespace pgbak {

inline constexpr std::string_view kVerifiedSuffix = ".verified";

/// "<key>.verified"
std::string verified_key(const std::string& key);

/// Whether `text`, the content of such an object, says that this very backup (id and digest) has
/// passed. What cannot be read proves nothing.
bool proves(const std::string& text, const Manifest& manifest);

/// Reads the object and asks proves(). False when there is none; throws when the store does not
/// say.
bool is_verified(Store& store, const Manifest& manifest, const Stop& stop);

}  // namespace pgbak
