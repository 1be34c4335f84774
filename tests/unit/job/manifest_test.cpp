#include "host/job/manifest.hpp"

#include "tests/support/backups.hpp"
#include "tests/support/caught.hpp"

using namespace pgbak;

namespace {

Error refused(const Json& json) {
  return caught([&] { Manifest::parse(json.dump(), "a.meta"); });
}

}  // namespace

TEST_CASE("a manifest survives being written and read", "[job]") {
  Manifest manifest = sample_manifest("shop/a.sql.gz", "shop");
  manifest.level = 6;
  manifest.encryption = "age";
  manifest.raw_bytes = 18446744073709551615U;
  manifest.options = {{"no_owner", true}};
  manifest.tags = {{"team", "ü"}};
  manifest.fingerprint = {{"tables", 12}};
  manifest.globals = Globals{.sha256 = sha256_hex("roles"), .bytes = 5, .passwords = true};
  manifest.restore = {"gunzip a", "psql -f a"};
  manifest.destinations = {{{"store", "./backups"}, {"state", "stored"}, {"unknown", 1}}};
  manifest.keep = Keep{parse_rfc3339("2027-01-01T00:00:00Z")};
  manifest.quarantine = {"it shrank", "ü"};
  const Manifest back = Manifest::parse(manifest.to_json().dump(2), "x");
  CHECK(back.to_json() == manifest.to_json());
  CHECK(back.started == manifest.started);
  CHECK(back.raw_bytes == manifest.raw_bytes);
  CHECK(back.level == 6);
}

TEST_CASE("unknown fields are ignored, optional ones may be missing or null", "[job]") {
  Json json = sample_manifest("a", "shop").to_json();
  json["from_the_future"] = {1, 2};
  for (const char* field : {"level", "encryption", "options", "tags", "fingerprint", "restore",
                            "destinations", "keep", "quarantine"}) {
    json.erase(field);
  }
  const Manifest manifest = Manifest::parse(json.dump(), "x");
  CHECK_FALSE(manifest.level);
  CHECK(manifest.tags == Json::object());
  CHECK(manifest.restore.empty());
  CHECK_FALSE(manifest.keep);
  CHECK(manifest.quarantine.empty());
  CHECK(manifest.destinations == Json::array());
}

TEST_CASE("every required field is asked for by its name", "[job]") {
  const Json good = sample_manifest("a", "shop").to_json();
  for (const char* field : {"manifest_version",
                            "id",
                            "key",
                            "database",
                            "cluster",
                            "type",
                            "started",
                            "finished",
                            "duration_seconds",
                            "raw_bytes",
                            "stored_bytes",
                            "sha256",
                            "format",
                            "codec",
                            "server_version",
                            "tool_version",
                            "pgbak_version",
                            "host",
                            "script",
                            "naming"}) {
    INFO(field);
    Json missing = good;
    missing.erase(field);
    CHECK(kind_of(refused(missing)) == "corrupt");
    CHECK(refused(missing).message() ==
          "manifest 'a.meta': field '" + std::string(field) + "' is missing");
    Json wrong = good;
    wrong[field] = Json::array({1});
    CHECK(kind_of(refused(wrong)) == "corrupt");
    CHECK(refused(wrong).message() ==
          "manifest 'a.meta': field '" + std::string(field) + "' has the wrong type");
  }
}

TEST_CASE("a value that does not fit its field is refused, not bent", "[job]") {
  const auto [field, value] = GENERATE(table<std::string, Json>({
      {"started", "yesterday"},
      {"finished", "2026-02-30T00:00:00Z"},
      {"raw_bytes", -1},
      {"raw_bytes", 1.5},
      {"stored_bytes", true},
      {"stored_bytes", 1e300},
      {"duration_seconds", "1"},
      {"sha256", std::string(64, 'A')},
      {"sha256", std::string(63, 'a')},
      {"sha256", ""},
      {"level", "6"},
      {"level", 4294967297},
      {"manifest_version", 4294967297},
      {"manifest_version", true},
      {"restore", "psql"},
      {"restore", Json::array({1})},
      {"destinations", "./backups"},
      {"globals", "a.globals.sql"},
  }));
  Json json = sample_manifest("a", "shop").to_json();
  json[field] = value;
  INFO(field << " = " << value.dump());
  const Error error = refused(json);
  CHECK(kind_of(error) == "corrupt");
  CHECK_THAT(error.message(), ContainsSubstring("field '" + field + "'"));
}

TEST_CASE("a manifest of a later version is refused with advice", "[job]") {
  Json json = sample_manifest("a", "shop").to_json();
  json["manifest_version"] = Manifest::kVersion + 1;
  // What else a later version changed must not be judged.
  json.erase("sha256");
  const Error error = refused(json);
  CHECK(kind_of(error) == "config");
  CHECK(error.message() == "manifest 'a.meta' has version 2, this pgbak reads version 1");
  CHECK_FALSE(error.hint().empty());
}

TEST_CASE("what is no JSON object is no manifest", "[job]") {
  const std::string text =
      GENERATE("", "{", "\"a\"", "[]", "null", "{} {}", "{\"a\":1,}", "\xff\xfe", "\x1f\x8b");
  INFO(text);
  const Error error = caught([&] { Manifest::parse(text, "b.meta"); });
  CHECK(kind_of(error) == "corrupt");
  CHECK_THAT(error.message(), ContainsSubstring("manifest 'b.meta' is not"));
}

TEST_CASE("a manifest cut anywhere is refused", "[job]") {
  const std::string text = sample_manifest("a", "shop").to_json().dump();
  for (std::size_t size = 0; size < text.size(); ++size) {
    REQUIRE(kind_of(caught([&] { Manifest::parse(text.substr(0, size), "m"); })) == "corrupt");
  }
}

TEST_CASE("a manifest with endless nesting is refused like any other bad one", "[job]") {
  std::string text = sample_manifest("a", "shop").to_json().dump();
  const std::string deep = std::string(400000, '[') + std::string(400000, ']');
  text.replace(text.find("\"tags\":{}"), 9, "\"tags\":" + deep);
  const Error error = caught([&] { Manifest::parse(text, "b.meta"); });
  CHECK(kind_of(error) == "corrupt");
  CHECK_THAT(error.message(), ContainsSubstring("manifest 'b.meta' is not"));
}

TEST_CASE("a quarantine is a list of texts, or nothing", "[job]") {
  Json json = sample_manifest("a", "shop").to_json();
  CHECK(json["quarantine"].is_null());
  json["quarantine"] = {"odd", "very"};
  CHECK(Manifest::parse(json.dump(), "x").quarantine == std::vector<std::string>{"odd", "very"});
  for (const char* bad : {"true", "\"odd\"", "[1]", "{\"a\": 1}"}) {
    json["quarantine"] = parse_json(bad);
    CHECK_THAT(refused(json).message(), ContainsSubstring("field 'quarantine'"));
  }
}

TEST_CASE("the mark of a kept backup is true, a time, or nothing", "[job]") {
  Json json = sample_manifest("a", "shop").to_json();
  CHECK(json["keep"].is_null());
  json["keep"] = true;
  const Manifest for_good = Manifest::parse(json.dump(), "x");
  REQUIRE(for_good.keep);
  CHECK_FALSE(for_good.keep->until);
  CHECK(for_good.to_json()["keep"] == true);
  json["keep"] = "2027-01-01T01:00:00+01:00";
  CHECK(Manifest::parse(json.dump(), "x").to_json()["keep"] == "2027-01-01T00:00:00Z");
  for (const char* bad : {"false", "1", "\"soon\"", "[]"}) {
    json["keep"] = parse_json(bad);
    CHECK_THAT(refused(json).message(), ContainsSubstring("field 'keep'"));
  }
}
