// What all stores have in common: the rule for keys, small objects, and the address of a store.
#include "host/store/store.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "host/base/error.hpp"
#include "host/store/s3_settings.hpp"
#include "host/stream/observe.hpp"

namespace pgbak {
namespace {

constexpr std::size_t kKeyLimitBytes = 900;

bool is_utf8(std::string_view text) {
  try {
    (void)nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

/// The "s3" of "s3://bucket/prefix"; empty for a path.
std::string_view scheme_of(std::string_view url) {
  const std::size_t end = url.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789+.-");
  const bool named = end != 0 && end != std::string_view::npos && url[end] == ':';
  return named ? url.substr(0, end) : std::string_view();
}

Error bad_address(const std::string& message) {
  return Error(ErrorKind::config, "store.open", message)
      .hint(
          "a store is a path, s3://bucket/prefix, file:///path or memory:name; write ./ before a "
          "path with a colon");
}

}  // namespace

bool is_key(std::string_view key) {
  if (key.empty() || key.size() > kKeyLimitBytes) return false;
  if (has_control_character(key) || !is_utf8(key)) return false;
  const std::string framed = "/" + std::string(key) + "/";
  return framed.find("//") == std::string::npos && framed.find("/.") == std::string::npos;
}

void check_key(const std::string& key) {
  if (is_key(key)) return;
  const std::string shown = Json(key).dump(-1, ' ', true, Json::error_handler_t::replace);
  throw Error(ErrorKind::config, "store.key", "not a valid key: " + shown)
      .hint("a key is a relative path of at most " + std::to_string(kKeyLimitBytes) +
            " bytes of UTF-8; none of its parts is empty or begins with a dot");
}

std::string key_mark(const std::string& key) { return sha256_hex(key).substr(0, 16); }

void Store::put(const std::string& key, std::string_view content, const WriteOptions& options,
                const Stop& stop) {
  const std::unique_ptr<Sink> sink = writer(key, options);
  try {
    sink->write(std::as_bytes(std::span(content)), stop);
    sink->commit(stop);
  } catch (...) {
    sink->abort();
    throw;
  }
}

std::string Store::get(const std::string& key, const Stop& stop, std::size_t limit_bytes) {
  const std::unique_ptr<Source> source = reader(key);
  std::string content;
  std::array<char, 16U << 10U> buffer;
  while (const std::size_t got = source->read(std::as_writable_bytes(std::span(buffer)), stop)) {
    content.append(buffer.data(), got);
    if (content.size() > limit_bytes) {
      throw Error(ErrorKind::corrupt, "store.get",
                  "object '" + key + "' in '" + url() + "' is larger than " +
                      std::to_string(limit_bytes) + " bytes");
    }
  }
  source->finish(stop);
  return content;
}

void Store::remove_all(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) remove(key);
}

std::string Store::presign(const std::string& key, std::int64_t) {
  throw Error(ErrorKind::config, "store.presign",
              "store '" + url() + "' has no links to '" + key + "'")
      .hint("only S3 stores have; `pgbak download` copies a backup");
}

std::shared_ptr<Store> open_store(const std::string& url, const Json& options, const Stop& stop) {
  if (url.empty()) throw bad_address("the address of a store is empty");
  const std::string_view scheme = scheme_of(url);
  if (scheme == "s3") return s3_store(s3_settings(url, options), stop);
  if (!options.empty()) {
    throw bad_address("store '" + url + "' takes no option '" + options.begin().key() + "'");
  }
  // Nobody means a directory by "S3://bucket".
  const std::size_t slashes = url.find("://");
  if (scheme.empty() && slashes != std::string::npos && url.find('/') == slashes + 1) {
    throw bad_address("a store's scheme is written in small letters, not '" +
                      url.substr(0, slashes) + "'");
  }
  if (scheme.empty()) return local_store(url, url);
  const std::string rest = url.substr(scheme.size() + 1);
  if (scheme == "memory") {
    if (rest.empty()) throw bad_address("a memory store has no name: '" + url + "'");
    return memory_store(rest);
  }
  if (scheme != "file") {
    throw bad_address("this pgbak knows no stores of the scheme '" + std::string(scheme) + "'");
  }
  if (!rest.starts_with("///") || rest.find('%') != std::string::npos) {
    throw bad_address("not file:/// and a path without percent escapes: '" + url + "'");
  }
  return local_store(rest.substr(2), url);
}

}  // namespace pgbak
