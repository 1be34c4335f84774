// pgbak.json: JSON text to values and back.
#include <array>
#include <vector>

#include "bindings/call.hpp"

namespace pgbak {
namespace {

void encode(Call& call) {
  const Json value = call.json(1);
  const bool pretty = call.options(2).boolean("pretty");
  call.push(value.dump(pretty ? 2 : -1, ' ', false, Json::error_handler_t::replace));
}

/// Makes Lua values while the text is read: a tree in between would double the time and the memory
/// that an inventory of a hundred thousand backups takes. What is being built lies on the stack: a
/// table for each open array and object, and the key that waits for its value. Lua's only error
/// here, no memory, passes through the parser as an exception does (tests/contract).
class LuaBuilder : public nlohmann::json_sax<Json> {
 public:
  explicit LuaBuilder(lua_State* lua) : lua_(lua) {
    luaL_checkstack(lua, 2 * kMaxJsonDepth + 4, "JSON");
  }

  bool null() override {
    push_null(lua_);
    return add();
  }
  bool boolean(bool value) override {
    lua_pushboolean(lua_, value ? 1 : 0);
    return add();
  }
  bool number_integer(std::int64_t value) override { return number(static_cast<double>(value)); }
  bool number_unsigned(std::uint64_t value) override { return number(static_cast<double>(value)); }
  bool number_float(double value, const std::string& /*text*/) override { return number(value); }
  bool string(std::string& value) override {
    lua_pushlstring(lua_, value.data(), value.size());
    return add();
  }
  bool binary(Json::binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*size*/) override { return open(false); }
  bool key(std::string& value) override {
    lua_pushlstring(lua_, value.data(), value.size());
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t /*size*/) override { return open(true); }
  bool end_array() override {
    mark_array(lua_);
    return close();
  }
  bool parse_error(std::size_t /*byte*/, const std::string& /*token*/,
                   const nlohmann::json::exception& error) override {
    throw not_json(error);
  }

 private:
  struct Open {
    bool array;
    int count = 0;  ///< values so far
  };

  bool number(double value) {
    lua_pushnumber(lua_, value);
    return add();
  }

  bool open(bool array) {
    if (open_.size() == static_cast<std::size_t>(kMaxJsonDepth)) throw nested_too_deeply();
    open_.push_back({array});
    // The objects of a list are alike: the one before says how many fields to make room for.
    lua_createtable(lua_, 0, array ? 0 : fields_[open_.size()]);
    return true;
  }

  bool close() {
    if (!open_.back().array) fields_[open_.size()] = open_.back().count;
    open_.pop_back();
    return add();
  }

  /// Puts the value on top of the stack into what is open.
  bool add() {
    if (open_.empty()) return true;
    const int count = ++open_.back().count;
    if (open_.back().array) {
      lua_rawseti(lua_, -2, count);
    } else {
      lua_rawset(lua_, -3);
    }
    return true;
  }

  lua_State* lua_;
  std::vector<Open> open_;
  std::array<int, kMaxJsonDepth + 1> fields_{};  ///< of the last object, by depth
};

void decode(Call& call) {
  LuaBuilder builder(call.lua());
  Json::sax_parse(call.string(1), &builder);
  call.pushed(1);
}

void array(Call& call) {
  lua_pushvalue(call.lua(), call.index(1));
  mark_array(call.lua());
  call.pushed(1);
}

void null(Call& call) {
  push_null(call.lua());
  call.pushed(1);
}

}  // namespace

const Module& json_module() {
  static const Module module{
      "json",
      "JSON (RFC 8259).",
      {{"encode",
        "Turns a value into JSON text, keys sorted. Tables with keys 1…n are arrays, others "
        "objects.",
        {{"value", "any", false, "tables, strings, numbers, booleans, json.null()"},
         {"options",
          "table",
          true,
          "how",
          {{"pretty", "boolean", "false", "several lines, indented by two"}}}},
        "string",
        "the text",
        "",
        "json.encode({ a = 1 })",
        encode},
       {"decode",
        "Turns JSON text into a value; null becomes json.null().",
        {{"text", "string", false, "the text"}},
        "any",
        "the value",
        "corrupt when the text is not JSON, or nested deeper than 64",
        "json.decode('[1, 2]')",
        decode},
       {"array",
        "Marks a table as an array, so that an empty one becomes [].",
        {{"list", "table", false, "the table itself, not a copy"}},
        "table",
        "the same table",
        "",
        "json.encode(json.array({}))",
        array},
       {"null",
        "The value that stands for JSON's null.",
        {},
        "any",
        "the sentinel",
        "",
        "if value == json.null() then … end",
        null}}};
  return module;
}

}  // namespace pgbak
