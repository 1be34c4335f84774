// pgbak.floors: the host's floors, for plans and simulations.
#include "host/job/floors.hpp"

#include <cmath>
#include <set>
#include <string>

#include "bindings/call.hpp"

namespace pgbak {
namespace {

/// Reads one backup, whose table is on top of the stack. Its fields are checked here, by type, as
/// simulations hand over thousands of lists.
class BackupReader {
 public:
  BackupReader(lua_State* lua, int number) : lua_(lua), number_(number) {
    if (!lua_istable(lua_, -1)) throw Misuse("backup " + std::to_string(number_) + " is no table");
  }

  FloorBackup read() const {
    FloorBackup out;
    if (!text("id", out.id)) bad("id", "a string");
    if (!text("key", out.name)) out.name = out.id;
    const auto started = time("time");
    if (!started) bad("time", "an integer");
    out.started = *started;
    std::string finished;
    out.finished = text("finished", finished) ? parse_rfc3339(finished)
                                              : time("finished").value_or(out.started);
    out.good = flag("good").value_or(true);
    out.complete = flag("complete").value_or(true);
    out.verified = flag("verified").value_or(false);
    if (is_boolean("keep")) {
      if (flag("keep").value()) out.keep = Keep{};
    } else if (const auto until = time("keep")) {
      out.keep = Keep{until};
    }
    return out;
  }

 private:
  int push(const char* field) const {
    lua_pushstring(lua_, field);
    lua_rawget(lua_, -2);
    return lua_type(lua_, -1);
  }

  bool is_boolean(const char* field) const {
    const bool out = push(field) == LUA_TBOOLEAN;
    lua_pop(lua_, 1);
    return out;
  }

  bool text(const char* field, std::string& out) const {
    const bool found = push(field) == LUA_TSTRING;
    std::size_t size = 0;
    const char* value = lua_tolstring(lua_, -1, &size);
    if (found) out.assign(value, size);
    lua_pop(lua_, 1);
    return found;
  }

  std::optional<WallTime> time(const char* field) const {
    const int type = push(field);
    const double value = lua_tonumber(lua_, -1);
    lua_pop(lua_, 1);
    if (type == LUA_TNIL) return std::nullopt;
    constexpr double kMost = 9007199254740992.0;  // up to there integers are exact
    const bool whole = type == LUA_TNUMBER && std::fabs(value) <= kMost;
    if (!whole) bad(field, "an integer");
    return WallTime(std::chrono::seconds(static_cast<std::int64_t>(value)));
  }

  std::optional<bool> flag(const char* field) const {
    const int type = push(field);
    const bool value = lua_toboolean(lua_, -1) != 0;
    lua_pop(lua_, 1);
    if (type == LUA_TNIL) return std::nullopt;
    if (type != LUA_TBOOLEAN) bad(field, "a boolean");
    return value;
  }

  [[noreturn]] void bad(const char* field, const char* expected) const {
    throw Misuse("backup " + std::to_string(number_) + ": '" + field + "': " + expected +
                 " expected");
  }

  lua_State* lua_;
  int number_;
};

void check(Call& call) {
  lua_State* lua = call.lua();
  const std::vector<std::string> listed = call.strings(2);
  std::set<std::string> remove(listed.begin(), listed.end());
  const Options options = call.options(3);
  const FloorRules rules{.now = WallTime(std::chrono::seconds(options.integer("now"))),
                         .min_keep = options.integer("min_keep"),
                         .allow_mass_delete = options.boolean("allow_mass_delete"),
                         .shelf = options.string("shelf")};
  std::vector<FloorBackup> backups;
  const int length = static_cast<int>(lua_objlen(lua, call.index(1)));
  for (int i = 1; i <= length; ++i) {
    lua_rawgeti(lua, call.index(1), i);
    backups.push_back(BackupReader(lua, i).read());
    lua_pop(lua, 1);
    backups.back().remove = remove.erase(backups.back().id) > 0;
  }
  if (!remove.empty()) {
    throw Misuse("argument 'remove': '" + *remove.begin() + "' is none of the backups");
  }
  check_floors(backups, rules);
}

}  // namespace

const Module& floors_module() {
  static const Module module{
      "floors",
      "What the host never deletes, whatever a policy says: what catalog.remove checks, for plans "
      "and simulations.",
      {{"check",
        "Raises when a floor forbids one of the deletions.",
        {{"backups", "table", false,
          "those of one database in one store: array of {id, time, key, finished, good, complete, "
          "verified, keep}, as catalog.list gives them; only id and time must be there"},
         {"remove", "string[]", false, "the ids of those to be deleted"},
         {"options",
          "table",
          false,
          "how",
          {{"now", "integer", kRequired, "in seconds since 1970"},
           {"min_keep", "integer", "1", "good backups that must stay, at least 1"},
           {"allow_mass_delete", "boolean", "false", "allow more than half of ten or more"},
           {"shelf", "string", "", "whose backups, for the error: 'shop' in ./backups"}}}},
        "",
        "",
        "refused, as 'floor NAME: …', NAME being clock, kept, newest_good, newest_complete, "
        "newest_verified, min_keep or mass_delete; config when min_keep is below 1",
        "floors.check(backups, { backups[3].id }, { now = clock.now() })",
        check}}};
  return module;
}

}  // namespace pgbak
