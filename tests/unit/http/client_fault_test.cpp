// What the client makes of servers and networks that fail: trap 4 of the field notes, an end of the
// bytes that proves nothing, is met here as a connection that is cut.
#include <future>
#include <thread>

#include "host/base/secret.hpp"
#include "host/http/client.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/http_server.hpp"
#include "tests/support/random_text.hpp"

using namespace std::chrono_literals;
using pgbak::HttpClient;
using pgbak::HttpRequest;
using EarlyReply = HttpServer::EarlyReply;
using Reply = HttpServer::Reply;
using Request = HttpServer::Request;

namespace {

const pgbak::Stop no_stop;
constexpr std::size_t kLimit = 64U << 20U;
// Made when it is asked for: each test is a process of its own.
const std::string& big() {
  static const std::string text = random_text(20'000'000, 11);
  return text;
}

HttpRequest request(const std::string& method, const std::string& url, const std::string& body = {},
                    std::chrono::milliseconds stall_timeout = 60s) {
  return {method, url, {}, std::as_bytes(std::span(body)), stall_timeout};
}

HttpServer::Script always(const Reply& reply) {
  return [reply](const Request&) { return reply; };
}

HttpServer::EarlyScript early(const Reply& reply, std::size_t read_bytes) {
  return [reply, read_bytes](const Request&) { return EarlyReply{reply, read_bytes}; };
}

/// What comes of a GET from a server that replies so.
pgbak::Error get_error(const Reply& reply, std::chrono::milliseconds stall_timeout = 60s) {
  HttpServer server(always(reply));
  HttpClient client({});
  return caught([&] {
    client.send(request("GET", server.url() + "/k", {}, stall_timeout), no_stop, kLimit);
  });
}

}  // namespace

TEST_CASE("no listener is a retryable unavailable that names the URL without its query") {
  int port = 0;
  {
    const HttpServer gone(always({}));
    port = gone.port();
  }
  const std::string url = "http://127.0.0.1:" + std::to_string(port) + "/b/k";
  HttpClient client({});
  const pgbak::Error error =
      caught([&] { client.send(request("PUT", url + "?X-Amz-Signature=deadbeef"), no_stop); });
  CHECK(kind_of(error) == "unavailable");
  CHECK(error.retryable());
  CHECK(error.text().find("PUT " + url + ": failed to connect to 127.0.0.1") == 0);
  CHECK(error.text().find("deadbeef") == std::string::npos);
  CHECK(error.hint() == "check the endpoint and the network");
}

TEST_CASE("a name that does not resolve is a retryable unavailable") {
  HttpClient client({});
  const pgbak::Error error =
      caught([&] { client.send(request("GET", "http://no-such-host.invalid/"), no_stop); });
  CHECK(kind_of(error) == "unavailable");
  CHECK(error.retryable());
  CHECK_THAT(error.text(), ContainsSubstring("resolve host: no-such-host.invalid"));
  CHECK(error.hint() == "check the endpoint and the network");
}

TEST_CASE("what is not a URL of HTTP is refused") {
  HttpClient client({});
  CHECK(caught_kind([&] { client.send(request("GET", "http://a:b:c/"), no_stop); }) == "config");
  const pgbak::Error error =
      caught([&] { client.send(request("GET", "file:///etc/passwd"), no_stop); });
  CHECK(kind_of(error) == "config");
  CHECK_THAT(error.text(), ContainsSubstring("GET file:///etc/passwd: protocol \"file\""));
}

TEST_CASE("a response that is cut is a retryable unavailable") {
  Reply reply;
  reply.body = big();
  SECTION("before its first byte") { reply.no_answer = true; }
  SECTION("in its head") { reply.raw = "HTTP/1.1 200 OK\r\nContent-Le"; }
  SECTION("in its body") { reply.cut_after_bytes = 1'000'000; }
  SECTION("in a chunk") {
    reply.chunked = true;
    reply.cut_after_bytes = 1'000'100;
  }
  SECTION("between chunks") {
    reply.chunked = true;
    reply.cut_after_bytes = 1007;
  }
  SECTION("by a length that promises too much") {
    reply.content_length = big().size() + 1;
    reply.close = true;
  }
  for (const bool reset : {false, true}) {
    reply.reset = reset;
    const pgbak::Error error = get_error(reply);
    INFO(error.text());
    CHECK(kind_of(error) == "unavailable");
    CHECK(error.retryable());
    CHECK(error.text().find("GET http://127.0.0.1:") == 0);
  }
}

TEST_CASE("a cut stream gives what came, then fails, as often as it is asked") {
  Reply reply;
  reply.body = big();
  reply.cut_after_bytes = 1'000'000;
  HttpServer server(always(reply));
  HttpClient client({});
  const auto stream = client.open(request("GET", server.url()), no_stop);
  std::string all;
  std::array<std::byte, 77'777> chunk;
  const auto read_on = [&] {
    while (const std::size_t size = stream->read(chunk, no_stop)) {
      all.append(reinterpret_cast<const char*>(chunk.data()), size);
    }
  };
  CHECK(caught_kind(read_on) == "unavailable");
  CHECK((all == big().substr(0, 1'000'000)));
  CHECK(caught_kind(read_on) == "unavailable");
}

TEST_CASE("an upload that is cut is a retryable unavailable") {
  Reply reply;
  reply.no_answer = true;
  reply.reset = GENERATE(false, true);
  const std::size_t read_bytes = GENERATE(0U, 1'000'000U, 20'000'000U);
  HttpServer server(always({}), early(reply, read_bytes));
  HttpClient client({});
  const pgbak::Error error =
      caught([&] { client.send(request("PUT", server.url() + "/k", big()), no_stop); });
  CHECK(kind_of(error) == "unavailable");
  CHECK(error.retryable());
}

TEST_CASE("what is not HTTP is a protocol error") {
  Reply reply;
  SECTION("a banner") { reply.raw = "220 mail.example.com ESMTP\r\n"; }
  SECTION("random bytes") { reply.raw = random_text(10'000, 3); }
  SECTION("another version") { reply.raw = "HTTP/7.5 200 OK\r\nContent-Length: 0\r\n\r\n"; }
  SECTION("a length that is none") {
    reply.raw = "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n";
  }
  SECTION("another protocol, unasked") {
    reply.raw = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nbytes";
  }
  const pgbak::Error error = get_error(reply);
  INFO(error.text());
  CHECK(kind_of(error) == "protocol");
  CHECK_FALSE(error.retryable());
}

TEST_CASE("a stall is a retryable timeout") {
  Reply reply;
  reply.stall = true;
  reply.body = big();
  SECTION("instead of an answer") {}
  SECTION("in the middle of a head") { reply.raw = "HTTP/1.1 200 OK\r\n"; }
  SECTION("in the middle of a body") { reply.cut_after_bytes = 1'000'000; }
  const pgbak::Error error = get_error(reply, 200ms);
  CHECK(kind_of(error) == "timeout");
  CHECK(error.retryable());
  CHECK_THAT(error.text(), ContainsSubstring("/k: not a byte came or went for 0.2 s"));
}

TEST_CASE("an upload that the server does not read is a retryable timeout") {
  Reply reply;
  reply.stall = true;
  HttpServer server(always({}), early(reply, 1'000'000));
  HttpClient client({});
  const pgbak::Error error =
      caught([&] { client.send(request("PUT", server.url(), big(), 200ms), no_stop); });
  CHECK(kind_of(error) == "timeout");
  CHECK(error.retryable());
}

TEST_CASE("time that the reader spends elsewhere is no stall") {
  Reply reply;
  reply.body = big();
  HttpServer server(always(reply));
  HttpClient client({});
  const auto stream = client.open(request("GET", server.url(), {}, 2s), no_stop);
  std::string all;
  std::vector<std::byte> chunk(4'000'000);
  while (const std::size_t size = stream->read(chunk, no_stop)) {
    if (all.empty()) std::this_thread::sleep_for(2500ms);
    all.append(reinterpret_cast<const char*>(chunk.data()), size);
  }
  CHECK((all == big()));
}

TEST_CASE("a stop ends whatever waits") {
  Reply reply;
  reply.stall = true;
  reply.body = big();
  HttpServer::EarlyScript before;
  SECTION("for an answer") {}
  SECTION("for a body") { reply.cut_after_bytes = 1'000'000; }
  SECTION("for an upload") { before = early(reply, 1'000'000); }
  HttpServer server(always(reply), before);
  HttpClient client({});
  pgbak::Stop stop;
  auto kind = std::async(std::launch::async, [&] {
    return caught_kind([&] { client.send(request("PUT", server.url(), big()), stop); });
  });
  while (server.requests().empty()) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(50ms);  // most likely it waits now; the result is the same if not
  stop.request();
  CHECK(kind.get() == "cancelled");
}

TEST_CASE("after a stop nothing is sent") {
  HttpServer server(always({}));
  HttpClient client({});
  pgbak::Stop stop;
  stop.request();
  CHECK(caught_kind([&] { client.send(request("GET", server.url()), stop); }) == "cancelled");
  CHECK(server.connections() == 0);
}

TEST_CASE("a response beyond its limit is a protocol error, one at its limit is not") {
  Reply reply;
  reply.body = std::string(100'000, 'x');
  reply.chunked = GENERATE(false, true);
  HttpServer server(always(reply));
  HttpClient client({});
  CHECK(client.send(request("GET", server.url()), no_stop, 100'000).body == reply.body);
  const pgbak::Error error =
      caught([&] { client.send(request("GET", server.url()), no_stop, 99'999); });
  CHECK(kind_of(error) == "protocol");
  CHECK_THAT(error.text(), ContainsSubstring("the response is longer than 97.7 KiB"));
}

TEST_CASE("a response that trickles ends when its time is over, a stream does not") {
  Reply reply;
  reply.body = std::string(30, 'x');
  reply.pause = 10ms;
  HttpServer server(always(reply));
  HttpClient client({});
  HttpRequest asked = request("GET", server.url() + "/k");
  asked.response_timeout = 100ms;
  const pgbak::Error error = caught([&] { client.send(asked, no_stop); });
  CHECK(kind_of(error) == "timeout");
  CHECK(error.retryable());
  CHECK(error.text() == "GET " + server.url() + "/k: the response did not end in 0.1 s");

  const auto stream = client.open(asked, no_stop);
  std::array<std::byte, 100> chunk;
  std::size_t total = 0;
  while (const std::size_t size = stream->read(chunk, no_stop)) total += size;
  CHECK(total == 30);
}

TEST_CASE("the time of the response begins when the request is out") {
  HttpServer server(always({}), [](const Request&) {
    std::this_thread::sleep_for(3s);  // its body waits
    return std::nullopt;
  });
  HttpClient client({});
  HttpRequest asked = request("PUT", server.url(), big());
  asked.response_timeout = 2s;
  CHECK(client.send(asked, no_stop).status == 200);
}

TEST_CASE("a success before the whole request was sent is a protocol error") {
  Reply reply;
  reply.body = "done";
  reply.content_length = 10;
  HttpServer server(always({}), [reply](const Request&) {
    return EarlyReply{reply, 1'000, /*read_on=*/true};
  });
  HttpClient client({});
  const pgbak::Error error =
      caught([&] { client.send(request("PUT", server.url(), big(), 5s), no_stop); });
  CHECK(kind_of(error) == "protocol");
  CHECK_THAT(error.text(), ContainsSubstring("status 200 came before the request was sent"));
}

TEST_CASE("the client works on after every failure") {
  Reply bad;
  bad.body = big();
  SECTION("a cut body") { bad.cut_after_bytes = 10; }
  SECTION("garbage") { bad.raw = "garbage\r\n\r\n"; }
  SECTION("a stall") { bad.stall = true; }
  HttpServer server([bad](const Request& got) { return got.number == 1 ? bad : Reply(); });
  HttpClient client({});
  caught([&] { client.send(request("GET", server.url(), {}, 200ms), no_stop); });
  CHECK(client.send(request("GET", server.url()), no_stop).status == 200);
  CHECK(server.connections() == 2);
}
