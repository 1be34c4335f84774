// What came of restoring a backup and checking the result: `<key>.verified` beside it, one JSON
// object (docs/manifest.md). It goes with its backup. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "host/job/manifest.hpp"
#include "host/store/store.hpp"

namespace pgbak {

inline constexpr std::string_view kVerifiedSuffix = ".verified";

/// "<key>.verified"
std::string verified_key(const std::string& key);

/// The latest verification of a backup.
struct Verification {
  bool passed = false;
  std::optional<WallTime> finished = {};
};

/// What `text`, the content of such an object, says of this very backup (id and digest). Nothing
/// when it is about another one, or cannot be read: then it proves nothing.
std::optional<Verification> verification_of(const std::string& text, const Manifest& manifest);

/// Reads the object and asks verification_of(). Nothing when there is none; throws when the store
/// does not say.
std::optional<Verification> find_verification(Store& store, const Manifest& manifest,
                                              const Stop& stop);

/// The object's content, for a verification of this backup that the caller describes: `checks`
/// ([{name, state: "passed"|"failed"|"skipped", …}…]), `error` (a text or null) and whatever else.
/// Whether it has passed follows from these: no error, at least one check that has
/// passed, and none that failed.
/// Throws Error{config} for checks of another form.
Json verification_record(const Json& told, const Manifest& manifest);

}  // namespace pgbak
