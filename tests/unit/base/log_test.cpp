#include "host/base/log.hpp"

#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "host/base/clock.hpp"
#include "host/base/file.hpp"
#include "host/base/redact.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/stderr_capture.hpp"

using namespace pgbak;

namespace {

struct Restore {
  ~Restore() { log::configure(log::Level::info, false, false); }
};

}  // namespace

TEST_CASE("levels are read by name", "[base]") {
  CHECK(log::parse_level("debug") == log::Level::debug);
  CHECK(log::parse_level("warning") == log::Level::warn);
  CHECK(log::parse_level("Warning") == log::Level::warn);
  CHECK(log::parse_level("ERROR") == log::Level::error);
  const Error error = caught([] { log::parse_level("loud"); });
  CHECK(kind_of(error) == "config");
  CHECK(error.message() == "unknown log level 'loud'");
}

TEST_CASE("a text line has time, level and message, lesser levels are silent", "[base]") {
  const Restore restore;
  StderrCapture capture;
  log::configure(log::Level::warn, false, false);
  log::debug("never {}", 1);
  log::info("never {}", 2);
  log::warn("disk {} % full", 91);
  const std::string text = capture.end();
  CHECK_THAT(text, ContainsSubstring("Z warn  disk 91 % full\n"));
  CHECK_NOTHROW(parse_rfc3339(text.substr(0, text.find(' '))));
  CHECK_THAT(text, !ContainsSubstring("never"));
}

TEST_CASE("a text line moves no cursor", "[base]") {
  const Restore restore;
  StderrCapture capture;
  log::configure(log::Level::info, false, false);
  log::info("database {}", "\033[2Jshop\r");
  CHECK_THAT(capture.end(), ContainsSubstring("Z info  database ?[2Jshop?\n"));
}

TEST_CASE("a JSON line is one object, whatever the message holds", "[base]") {
  const Restore restore;
  StderrCapture capture;
  log::configure(log::Level::debug, true, true);
  log::write(log::Level::error, "two\nlines \"quoted\" \xff end");
  const std::string text = capture.end();
  CHECK(text.find('\n') == text.size() - 1);
  const auto line = nlohmann::json::parse(text);
  CHECK(line["level"] == "error");
  CHECK(line["message"] == "two\nlines \"quoted\" \xef\xbf\xbd end");
  CHECK_NOTHROW(parse_rfc3339(line["time"].get<std::string>()));
}

TEST_CASE("log lines hide secrets", "[base]") {
  const Restore restore;
  register_secret("mellon-and-enter");
  StderrCapture capture;
  log::error("tried mellon-and-enter at postgres://u:pw@h/db");
  CHECK_THAT(capture.end(), ContainsSubstring("tried *** at postgres://u:***@h/db"));
}

TEST_CASE("colours appear only when asked for", "[base]") {
  const Restore restore;
  StderrCapture capture;
  log::configure(log::Level::info, false, true);
  log::error("red");
  log::configure(log::Level::info, false, false);
  log::error("plain");
  const std::string text = capture.end();
  CHECK_THAT(text, ContainsSubstring("\033[31merror\033[0m red\n"));
  CHECK_THAT(text, ContainsSubstring("error plain\n"));
}

TEST_CASE("the hooks run around each line", "[base]") {
  const Restore restore;
  StderrCapture capture;
  std::string order;
  log::on_line([&] { order += '<'; }, [&] { order += '>'; });
  log::info("a");
  log::info("b");
  log::on_line({}, {});
  log::info("c");
  CHECK(order == "<><>");
  CHECK_THAT(capture.end(), ContainsSubstring(" c\n"));
}

TEST_CASE("lines of several threads never mix", "[base]") {
  const Restore restore;
  StderrCapture capture;
  log::configure(log::Level::info, true, false);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([i] {
      for (int n = 0; n < 50; ++n) log::info("{}", std::string(300, static_cast<char>('a' + i)));
    });
  }
  for (std::thread& each : threads) each.join();
  const std::string text = capture.end();
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size(); ++lines) {
    const std::size_t end = text.find('\n', at);
    const auto message =
        nlohmann::json::parse(text.substr(at, end - at))["message"].get<std::string>();
    CHECK(message == std::string(300, message.at(0)));
    at = end + 1;
  }
  CHECK(lines == 200);
}
