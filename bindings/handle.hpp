// C++ objects as Lua userdata. A Handle boxes a shared_ptr; its identity is the address of a tag
// per type, so that no userdata can pass for another. close() drops the object early; __gc is the
// backstop.
#pragma once

#include <lua.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bindings/spec.hpp"
#include "bindings/value.hpp"

namespace pgbak {

/// The Lua class of a C++ type; each module specialises it for its own.
template <typename T>
struct ClassName;

/// A handle that was made while they were watched.
struct WatchedHandle {
  std::string_view class_name;
  std::string place;  ///< "specs/a_spec.lua:3", the spec's line, else that of the caller
  bool open = true;   ///< neither closed nor used up; the collector's closing does not count
};

/// Watches the handles that the state makes from now on. For `pgbak test`; Lua thread only.
void watch_handles(lua_State* lua);
/// Ends that and returns those that are still open.
std::vector<WatchedHandle> end_watch();

namespace detail {

struct Box {
  const void* tag;
  std::shared_ptr<void> object;
  std::shared_ptr<WatchedHandle> watched;  // only while handles are watched

  /// Lets go of the object, as somebody wants it.
  void release();
};
// LuaJIT aligns userdata to 8 bytes.
static_assert(alignof(Box) <= 8);

template <typename T>
inline const char kTag = 0;

/// Pushes a userdata with the metatable of `spec`, made on first use.
void push_box(lua_State* lua, const void* tag, const Class& spec, std::shared_ptr<void> object);
/// The box at `index` if it is one of `tag`, else null.
Box* find_box(lua_State* lua, int index, const void* tag);

}  // namespace detail

template <typename T>
void push_handle(lua_State* lua, std::shared_ptr<T> object) {
  detail::push_box(lua, &detail::kTag<T>, find_class(ClassName<T>::value), std::move(object));
}

/// The object at `index`. Throws Misuse when it is something else, or was closed.
template <typename T>
std::shared_ptr<T> handle_at(lua_State* lua, int index) {
  detail::Box* box = detail::find_box(lua, index, &detail::kTag<T>);
  const std::string name(ClassName<T>::value);
  if (box == nullptr) throw Misuse(name + " expected, got " + luaL_typename(lua, index));
  if (!box->object) throw Misuse("this " + name + " was closed, or used up by a pipeline");
  return std::static_pointer_cast<T>(box->object);
}

/// Takes the object out of its handle, which counts as closed then.
template <typename T>
std::shared_ptr<T> take_handle(lua_State* lua, int index) {
  auto object = handle_at<T>(lua, index);
  detail::find_box(lua, index, &detail::kTag<T>)->release();
  return object;
}

/// Whether it is such a handle, and neither closed nor used up.
template <typename T>
bool is_open(lua_State* lua, int index) {
  const detail::Box* box = detail::find_box(lua, index, &detail::kTag<T>);
  return box != nullptr && box->object;
}

/// Closes a handle; closing twice is nothing.
template <typename T>
void close_handle(lua_State* lua, int index) {
  if (detail::Box* box = detail::find_box(lua, index, &detail::kTag<T>)) box->release();
}

/// The class of the userdata at `index`, or empty for anything else.
std::string_view class_of(lua_State* lua, int index);

}  // namespace pgbak
