#include "host/store/aws_config.hpp"

#include "host/store/s3_credentials.hpp"
#include "tests/support/aws_env.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/files.hpp"
#include "tests/support/random_text.hpp"

using namespace pgbak;

TEST_CASE("sections hold settings by their names in lower case", "[store][s3]") {
  const auto sections = parse_ini(
      "lost = 1\n"
      "[default]\n"
      "Region = eu-west-1\r\n"
      "  \n"
      "# aws_access_key_id = NO\n"
      "; aws_access_key_id = NO\n"
      "aws_access_key_id=AKID1\n"
      "aws_secret_access_key =  a/b+c=#d  ; written by hand\n"
      "output =\n"
      "no setting\n"
      "[ spaced ]  # why not\n"
      "region=x # y\n"
      "[default]\n"
      "region = eu-west-2");
  REQUIRE(sections.size() == 2);
  CHECK(sections.at("default") == IniSection{{"region", "eu-west-2"},
                                             {"aws_access_key_id", "AKID1"},
                                             {"aws_secret_access_key", "a/b+c=#d"},
                                             {"output", ""}});
  CHECK(sections.at("spaced") == IniSection{{"region", "x"}});
}

TEST_CASE("what is nested below a setting is none of the section's", "[store][s3]") {
  const auto sections = parse_ini(
      "[a]\n"
      "s3 =\n"
      "  region = inner\n"
      "\n"
      "  [not a section]\n"
      "\taws_access_key_id = inner\n"
      "region = outer\n"
      "[indented]\n"
      "  region = here\n"
      "  s3 =\n"
      "    region = inner\n"
      "  output = text\n");
  REQUIRE(sections.size() == 2);
  CHECK(sections.at("a") == IniSection{{"s3", ""}, {"region", "outer"}});
  CHECK(sections.at("indented") == IniSection{{"region", "here"}, {"s3", ""}, {"output", "text"}});
}

TEST_CASE("settings below a section without an end are no profile's", "[store][s3]") {
  const auto sections = parse_ini("[a]\nregion = x\n[broken\nregion = y\n");
  CHECK(sections == std::map<std::string, IniSection>{{"a", {{"region", "x"}}}});
}

TEST_CASE("no text breaks the parser", "[store][s3]") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  const std::string good = "[profile a]\naws_access_key_id = A ; b\ns3 =\n  x = y\n[b] c\n\n=\n";
  for (std::size_t end = 0; end <= good.size(); ++end) {
    CHECK(parse_ini(good.substr(0, end)).size() <= 2);
  }
  for (std::uint64_t round = 0; round < 2000; ++round) {
    std::string text = random_text(200, seed + round);
    for (char& c : text) c = "[]=#; \t\r\nab\0\xff"[static_cast<unsigned char>(c) % 13];
    for (const auto& [section, settings] : parse_ini(text)) {
      CHECK(section.find_first_of("\n]") == std::string::npos);
      for (const auto& [name, value] : settings) {
        CHECK((name + value).find('\n') == std::string::npos);
      }
    }
  }
}

TEST_CASE("a profile is what both files say, the credentials file first", "[store][s3]") {
  const BareAwsEnvironment bare;
  write_file(bare.home / ".aws/config",
             "[default]\nregion = a\n[profile backup]\nregion = b\noutput = json\n"
             "[profile \"two words\"]\nregion = c\n[backup]\nregion = wrong\n"
             "[sso-session s]\nregion = d\n");
  write_file(bare.home / ".aws/credentials",
             "[backup]\naws_access_key_id = AKID\noutput = text\n[profile odd]\nregion = e\n");
  CHECK(aws_profile("").name == "default");
  CHECK(aws_profile("").find("region") == "a");
  CHECK(aws_profile("backup").find("region") == "b");
  CHECK(aws_profile("backup").find("aws_access_key_id") == "AKID");
  CHECK(aws_profile("backup").find("output") == "text");
  CHECK(aws_profile("two words").find("region") == "c");
  CHECK(aws_profile("backup").find("absent").empty());
  CHECK(caught_kind([] { aws_profile("s"); }) == "config");

  const ScopedEnv chosen("AWS_PROFILE", "backup");
  CHECK(aws_profile("").name == "backup");
  CHECK(aws_profile("default").find("region") == "a");
  CHECK(profile_region("") == "b");
  CHECK(profile_region("two words") == "c");
}

TEST_CASE("[profile default] counts more than [default]", "[store][s3]") {
  const BareAwsEnvironment bare;
  write_file(bare.home / ".aws/config", "[profile default]\nregion = a\n[default]\nregion = b\n");
  CHECK(profile_region("") == "a");
}

TEST_CASE("a profile that is named must be there", "[store][s3]") {
  const BareAwsEnvironment bare;
  write_file(bare.home / ".aws/config", "[profile production]\n");
  const auto check = [&](const std::string& name) {
    const Error error = caught([&] { aws_profile(name); });
    CHECK(kind_of(error) == "config");
    CHECK_THAT(error.message(),
               ContainsSubstring("no profile 'prodution' in '" + (bare.home / ".aws/credentials") +
                                 "' or '" + (bare.home / ".aws/config") + "'"));
    CHECK_THAT(error.message(), ContainsSubstring("did you mean 'production'?"));
  };
  check("prodution");
  const ScopedEnv chosen("AWS_PROFILE", "prodution");
  check("");
}

TEST_CASE("without files, or without a home, there is an empty default profile", "[store][s3]") {
  const BareAwsEnvironment bare;
  CHECK(aws_profile("").config.empty());
  CHECK(profile_region("").empty());
  const ScopedEnv homeless("HOME", std::nullopt);
  CHECK(aws_profile("").credentials.empty());
  CHECK_THAT(caught([] { aws_profile("x"); }).message(), ContainsSubstring("no profile 'x'"));
}

TEST_CASE("the environment names other files", "[store][s3]") {
  const BareAwsEnvironment bare;
  write_file(bare.home / ".aws/config", "[default]\nregion = usual\n");
  const ScopedEnv config("AWS_CONFIG_FILE",
                         write_file(bare.home / "c", "[default]\nregion = other\n"));
  const ScopedEnv credentials("AWS_SHARED_CREDENTIALS_FILE",
                              write_file(bare.home / "k", "[default]\naws_access_key_id = A\n"));
  CHECK(aws_profile("").find("region") == "other");
  CHECK(aws_profile("").find("aws_access_key_id") == "A");
}

TEST_CASE("a file that cannot be read is an error of the settings", "[store][s3]") {
  const BareAwsEnvironment bare;
  const ScopedEnv config("AWS_CONFIG_FILE", bare.home.path());  // a directory
  const Error error = caught([] { profile_region(""); });
  CHECK(kind_of(error) == "config");
  CHECK_THAT(error.text(), ContainsSubstring("'" + bare.home.path() + "'"));
  CHECK_THAT(error.hint(), ContainsSubstring("AWS_CONFIG_FILE"));
}

TEST_CASE("China has its own domain", "[store][s3]") {
  CHECK(aws_domain("eu-west-1") == "amazonaws.com");
  CHECK(aws_domain("cn-north-1") == "amazonaws.com.cn");
}
