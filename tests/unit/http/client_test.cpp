#include "host/http/client.hpp"

#include <future>
#include <set>
#include <thread>

#include "host/base/clock.hpp"
#include "host/base/secret.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/http_server.hpp"
#include "tests/support/random_text.hpp"
#include "tests/support/scoped_env.hpp"

using namespace std::chrono_literals;
using pgbak::HttpClient;
using pgbak::HttpRequest;
using Reply = HttpServer::Reply;
using Request = HttpServer::Request;

namespace {

const pgbak::Stop no_stop;
// Made when it is asked for: each test is a process of its own.
const std::string& big() {
  static const std::string text = random_text(5'000'001, 7);
  return text;
}

Reply with_body(std::string body) {
  Reply reply;
  reply.body = std::move(body);
  return reply;
}

HttpRequest request(const std::string& method, const std::string& url, const std::string& body = {},
                    std::chrono::milliseconds stall_timeout = 60s) {
  return {method, url, {}, std::as_bytes(std::span(body)), stall_timeout};
}

std::string read_all(pgbak::HttpStream& stream) {
  std::string all;
  std::array<std::byte, 100'000> chunk;
  while (const std::size_t size = stream.read(chunk, no_stop)) {
    all.append(reinterpret_cast<const char*>(chunk.data()), size);
  }
  return all;
}

/// Not CHECK(a == b), which would print them.
bool same(const std::string& a, const std::string& b) { return a == b; }

}  // namespace

TEST_CASE("a request arrives as it was given, and the response too") {
  HttpServer server([](const Request&) {
    Reply reply = with_body("hello");
    reply.status = 418;
    reply.headers = {{"ETag", "\"abc\""}, {"x-amz-meta-a", "one"}, {"X-Empty", ""}};
    return reply;
  });
  HttpClient client({});
  HttpRequest asked = request("GET", server.url() + "/a/../b%2Fc?list-type=2&prefix=x%20y");
  asked.headers = {{"x-amz-date", "now"}, {"x-empty", ""}, {"Content-Type", "text/plain"}};
  const pgbak::HttpResponse response = client.send(asked, no_stop);
  CHECK(response.status == 418);
  CHECK(response.body == "hello");
  REQUIRE(response.find("etag") != nullptr);
  CHECK(*response.find("etag") == "\"abc\"");
  CHECK(*response.find("X-AMZ-Meta-A") == "one");
  CHECK(response.find("x-empty")->empty());
  CHECK(response.find("x-amz-meta") == nullptr);

  const Request got = server.requests().at(0);
  CHECK(got.method == "GET");
  CHECK(got.target == "/a/../b%2Fc?list-type=2&prefix=x%20y");
  CHECK(got.header("x-amz-date") == "now");
  CHECK(got.header("content-type") == "text/plain");
  CHECK(got.header("host") == "127.0.0.1:" + std::to_string(server.port()));
  for (const auto& [name, value] : got.headers) {
    CHECK(std::set<std::string>{"Host", "User-Agent", "Accept", "x-amz-date", "x-empty",
                                "Content-Type"}
              .count(name) == 1);
  }
}

TEST_CASE("bodies go up and come down byte for byte") {
  HttpServer server([](const Request& got) { return with_body(got.body); });
  HttpClient client({});
  for (const char* method : {"PUT", "POST", "DELETE"}) {
    const pgbak::HttpResponse response = client.send(request(method, server.url(), big()), no_stop);
    CHECK(same(response.body, big()));
    CHECK(server.requests().back().method == method);
    CHECK(server.requests().back().header("content-length") == std::to_string(big().size()));
    CHECK(server.requests().back().header("expect").empty());
    CHECK(server.requests().back().header("transfer-encoding").empty());
  }
  CHECK(server.connections() == 1);
}

TEST_CASE("only PUT and POST announce an empty body") {
  HttpServer server([](const Request&) { return Reply(); });
  HttpClient client({});
  for (const char* method : {"PUT", "POST", "GET", "DELETE", "HEAD"}) {
    INFO(method);
    CHECK(client.send(request(method, server.url()), no_stop).body.empty());
    const Request got = server.requests().back();
    CHECK(got.method == method);
    const bool announces = got.method == "PUT" || got.method == "POST";
    CHECK(got.header("content-length") == (announces ? "0" : ""));
  }
}

TEST_CASE("the answer to HEAD has headers only") {
  HttpServer server([](const Request&) { return with_body("not sent"); });
  HttpClient client({});
  for (int i = 0; i < 2; ++i) {
    const pgbak::HttpResponse response = client.send(request("HEAD", server.url()), no_stop);
    CHECK(*response.find("content-length") == "8");
    CHECK(response.body.empty());
  }
  CHECK(client.send(request("GET", server.url()), no_stop).body == "not sent");
  CHECK(server.connections() == 1);
}

TEST_CASE("a response without a body leaves the connection in use") {
  HttpServer server([](const Request& got) {
    Reply reply;
    reply.status = got.number == 1 ? 204 : 304;
    return reply;
  });
  HttpClient client({});
  CHECK(client.send(request("DELETE", server.url()), no_stop).status == 204);
  CHECK(client.send(request("GET", server.url()), no_stop).status == 304);
  CHECK(server.connections() == 1);
}

TEST_CASE("an address is shown without login, query and fragment") {
  using pgbak::shown_url;
  CHECK(shown_url("https://user:pass@db.example:8080/health?token=x#y") ==
        "https://db.example:8080/health");
  CHECK(shown_url("http://token@db.example") == "http://db.example");
  CHECK(shown_url("http://a@b@db.example/c@d") == "http://db.example/c@d");
  CHECK(shown_url("http://db.example#a@b") == "http://db.example");
  CHECK(shown_url("file:///etc/passwd") == "file:///etc/passwd");
  CHECK(shown_url("nonsense?x") == "nonsense");
}

TEST_CASE("what is no http is refused, a file above all") {
  HttpClient client({});
  for (const std::string url : {"file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1"}) {
    CAPTURE(url);
    CHECK(caught_kind([&] { client.send(request("GET", url), no_stop); }) == "config");
  }
}

TEST_CASE("redirects are not followed") {
  HttpServer server([](const Request&) {
    Reply reply = with_body("elsewhere");
    reply.status = 301;
    reply.headers = {{"Location", "/other"}};
    return reply;
  });
  HttpClient client({});
  const pgbak::HttpResponse response = client.send(request("PUT", server.url(), "x"), no_stop);
  CHECK(response.status == 301);
  CHECK(response.body == "elsewhere");
  CHECK(server.requests().size() == 1);
}

TEST_CASE("only the last head counts") {
  HttpServer server([](const Request&) {
    Reply reply = with_body("done");
    reply.before = "HTTP/1.1 100 Continue\r\nx-early: yes\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n";
    return reply;
  });
  HttpClient client({});
  const pgbak::HttpResponse response = client.send(request("PUT", server.url(), "body"), no_stop);
  CHECK(response.status == 200);
  CHECK(response.find("x-early") == nullptr);
  CHECK(response.body == "done");
}

TEST_CASE("a chunked body comes whole") {
  HttpServer server([](const Request&) {
    Reply reply = with_body(big());
    reply.chunked = true;
    return reply;
  });
  HttpClient client({});
  CHECK(same(client.send(request("GET", server.url()), no_stop).body, big()));
}

TEST_CASE("a stream is read in any portions") {
  HttpServer server([](const Request&) { return with_body(big()); });
  HttpClient client({});
  const auto stream = client.open(request("GET", server.url()), no_stop);
  CHECK(stream->head().status == 200);
  std::array<std::byte, 3> three;
  std::string all;
  while (all.size() < 3000) {
    const std::size_t size = stream->read(three, no_stop);
    REQUIRE(size > 0);
    all.append(reinterpret_cast<const char*>(three.data()), size);
  }
  CHECK(same(all + read_all(*stream), big()));
  CHECK(stream->read(three, no_stop) == 0);
}

TEST_CASE("a stream that was read to its end leaves its connection, one left early closes it") {
  HttpServer server([](const Request&) { return with_body(big()); });
  HttpClient client({});
  read_all(*client.open(request("GET", server.url()), no_stop));
  read_all(*client.open(request("GET", server.url()), no_stop));
  CHECK(server.connections() == 1);
  client.open(request("GET", server.url()), no_stop).reset();
  CHECK(server.connections() == 1);
  CHECK(same(client.send(request("GET", server.url()), no_stop).body, big()));
  CHECK(server.connections() == 2);
}

TEST_CASE("exchanges run at the same time, each on its own connection") {
  HttpServer server([](const Request& got) { return with_body(got.body); });
  HttpClient client({});
  std::vector<std::future<bool>> all;
  for (std::uint64_t thread = 0; thread < 4; ++thread) {
    all.push_back(std::async(std::launch::async, [&, thread] {
      bool good = true;
      for (std::uint64_t i = 0; i < 8; ++i) {
        const std::string body = random_text(100'000 + i, thread * 100 + i);
        good = good && same(client.send(request("PUT", server.url(), body), no_stop).body, body);
      }
      return good;
    }));
  }
  for (std::future<bool>& good : all) CHECK(good.get());
  CHECK(server.requests().size() == 32);
  CHECK(server.connections() <= 4);
}

TEST_CASE("a body goes again when a kept connection turns out to be dead") {
  HttpServer server([](const Request& got) {
    Reply reply = with_body(std::to_string(got.body.size()));
    reply.no_answer = got.number == 2;
    return reply;
  });
  HttpClient client({});
  CHECK(client.send(request("PUT", server.url(), big()), no_stop).body == "5000001");
  CHECK(client.send(request("PUT", server.url(), big()), no_stop).body == "5000001");
  CHECK(server.requests().size() == 3);
  CHECK(same(server.requests().at(2).body, big()));
}

TEST_CASE("an early refusal of a large upload is read, not lost") {
  HttpServer server([](const Request&) { return with_body("taken"); },
                    [](const Request& got) -> std::optional<HttpServer::EarlyReply> {
                      if (got.number > 1) return std::nullopt;
                      Reply reply = with_body("no");
                      reply.status = 403;
                      return HttpServer::EarlyReply{reply, 1'000, /*read_on=*/true};
                    });
  HttpClient client({});
  const pgbak::HttpResponse response = client.send(request("PUT", server.url(), big()), no_stop);
  CHECK(response.status == 403);
  CHECK(response.body == "no");
  CHECK(client.send(request("PUT", server.url(), big()), no_stop).body == "taken");
}

TEST_CASE("a direct client passes the proxy of the environment by") {
  HttpServer proxy([](const Request&) { return with_body("proxy"); });
  HttpServer server([](const Request&) { return with_body("server"); });
  const ScopedEnv by_proxy("http_proxy", proxy.url());
  const ScopedEnv small("no_proxy", std::nullopt);
  const ScopedEnv large("NO_PROXY", std::nullopt);
  HttpClient usual({});
  CHECK(usual.send(request("GET", server.url()), no_stop).body == "proxy");
  pgbak::HttpOptions options;
  options.direct = true;
  HttpClient direct(options);
  CHECK(direct.send(request("GET", server.url()), no_stop).body == "server");
}

TEST_CASE("a header cannot smuggle another one in") {
  HttpClient client({});
  HttpRequest asked = request("GET", "http://127.0.0.1:1/");
  asked.headers = {{"x-amz-meta-a", "b\r\nx-evil: yes"}};
  const pgbak::Error error = caught([&] { client.send(asked, no_stop); });
  CHECK(kind_of(error) == "config");
  CHECK(error.text() == "GET http://127.0.0.1:1/: header 'x-amz-meta-a' holds a line break");
}
