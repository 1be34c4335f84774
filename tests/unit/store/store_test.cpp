#include "host/store/store.hpp"

#include <filesystem>

#include "tests/support/catch.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/temp_dir.hpp"

using namespace pgbak;

TEST_CASE("open_store() reads addresses") {
  const TempDir dir;
  const Stop stop;
  SECTION("a path") {
    const auto store = open_store(dir / "back ups", Json::object(), stop);
    CHECK(store->url() == dir / "back ups");
    store->put("a", "x", {}, stop);
    CHECK(std::filesystem::exists(dir / "back ups/a"));
  }
  SECTION("a path with a colon after a slash") {
    open_store(dir / "a:b", Json::object(), stop)->put("a", "x", {}, stop);
    CHECK(std::filesystem::exists(dir / "a:b/a"));
  }
  SECTION("a path with a colon and two slashes in it") {
    std::filesystem::create_directory(dir / "A:");
    open_store(dir / "A://b", Json::object(), stop)->put("a", "x", {}, stop);
    CHECK(std::filesystem::exists(dir / "A:/b/a"));
  }
  SECTION("a file URL") {
    const auto store = open_store("file://" + dir.path(), Json::object(), stop);
    CHECK(store->url() == "file://" + dir.path());
    store->put("a", "x", {}, stop);
    CHECK(std::filesystem::exists(dir / "a"));
  }
  SECTION("memory stores of one name share their objects, others do not") {
    open_store("memory:open-store-1", Json::object(), stop)->put("a", "x", {}, stop);
    CHECK(open_store("memory:open-store-1", Json::object(), stop)->get("a", stop) == "x");
    CHECK_FALSE(open_store("memory:open-store-2", Json::object(), stop)->head("a"));
    CHECK(open_store("memory:open-store-1", Json::object(), stop)->url() == "memory:open-store-1");
  }
}

TEST_CASE("open_store() refuses addresses that it does not know") {
  const Stop stop;
  const auto refused = [&](const std::string& url) {
    const Error error = caught([&] { open_store(url, Json::object(), stop); });
    CHECK(kind_of(error) == "config");
    CHECK_THAT(error.hint(), ContainsSubstring("file:///path") && ContainsSubstring("memory:name"));
    return error.message();
  };
  CHECK_THAT(refused(""), ContainsSubstring("empty"));
  CHECK_THAT(refused("gs://bucket/prefix"), ContainsSubstring("scheme 'gs'"));
  CHECK_THAT(refused("sftp:host"), ContainsSubstring("scheme 'sftp'"));
  CHECK_THAT(refused("S3://bucket"), ContainsSubstring("in small letters, not 'S3'"));
  CHECK_THAT(refused("memory:"), ContainsSubstring("no name"));
  CHECK_THAT(refused("file://host/path"), ContainsSubstring("'file://host/path'"));
  CHECK_THAT(refused("file:///a%20b"), ContainsSubstring("percent"));
  const std::string message = refused("swift://user:hunter22@host/container");
  CHECK_THAT(message, ContainsSubstring("scheme 'swift'"));
  CHECK_THAT(message, !ContainsSubstring("hunter22"));
}

TEST_CASE("check_key() says what a key must be, and shows bad bytes escaped") {
  const Error error = caught([] { check_key("shop/\x01\xff"); });
  CHECK(kind_of(error) == "config");
  CHECK_THAT(error.message(), ContainsSubstring("shop/\\u0001\\ufffd"));
  CHECK_THAT(error.hint(), ContainsSubstring("900 bytes of UTF-8"));
  CHECK_NOTHROW(check_key(std::string(900, 'k')));
}
