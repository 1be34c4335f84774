// A scripted HTTP/1.1 server on a free port of 127.0.0.1, for what good servers never do.
//
//   HttpServer server([](const HttpServer::Request& request) {
//     HttpServer::Reply reply;
//     if (request.number == 1) reply.status = 503;
//     return reply;
//   });
//   client.send({"GET", server.url() + "/key?list"}, stop);
//   CHECK(server.requests().at(0).query == "list");
//
// One thread accepts, one serves each connection. The script is called under the server's lock, so
// it may change what the test reads after a call of requests() or connections(). The destructor
// ends whatever waits, at once.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "host/base/clock.hpp"
#include "host/base/stop.hpp"
#include "host/base/unique_fd.hpp"

class HttpServer {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  struct Request {
    int number = 0;      ///< of all connections together, from 1
    int connection = 0;  ///< which connection it came on, from 1
    std::string method;
    std::string target;  ///< as sent: path and query, percent-encoded
    std::string path, query;
    Headers headers;
    std::string body;  ///< for an early reply, as much of it as was read

    /// The value of the first header of that name, in whatever case, or empty.
    std::string header(const std::string& name) const {
      for (const auto& [key, value] : headers) {
        if (::strcasecmp(key.c_str(), name.c_str()) == 0) return value;
      }
      return {};
    }
  };

  /// What a request is answered with: by default 200 and nothing else. Content-Length is added
  /// unless `headers` or `chunked` say otherwise; HEAD gets no body.
  struct Reply {
    int status = 200;
    Headers headers;
    std::string body;

    std::chrono::milliseconds delay{0};         ///< before the first byte
    std::chrono::milliseconds pause{0};         ///< before each byte of the body
    std::string before;                         ///< sent before it, as it is: interim heads
    bool chunked = false;                       ///< in chunks of 1000 bytes, without Content-Length
    std::optional<std::size_t> content_length;  ///< promised instead of what is sent
    std::optional<std::size_t> cut_after_bytes;  ///< of what follows the head; then cut off
    bool reset = false;                          ///< the connection is cut by RST, not by FIN
    bool close = false;      ///< the connection ends after this reply, unannounced
    bool no_answer = false;  ///< a lost answer: processed, then cut off without a byte
    bool stall = false;      ///< not a byte more until the server is destroyed
    std::string raw;         ///< sent instead of a response; then the connection ends
  };
  using Script = std::function<Reply(const Request&)>;

  /// What happens before the body is read, when it gives a reply: `read_bytes` of the body are
  /// read, the reply is sent, and the connection ends.
  struct EarlyReply {
    Reply reply;
    std::size_t read_bytes = 0;
    bool read_on = false;  ///< before it ends, reads whatever the client sends
  };
  using EarlyScript = std::function<std::optional<EarlyReply>(const Request& head)>;

  explicit HttpServer(Script script, EarlyScript early = {})
      : script_(std::move(script)), early_(std::move(early)) {
    listener_ = pgbak::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), any, size) != 0 || ::listen(listener_.get(), 64) != 0 ||
        ::getsockname(listener_.get(), any, &size) != 0) {
      throw std::runtime_error("the test server cannot listen");
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer() {
    stop_.request();
    acceptor_.join();
    for (std::thread& thread : serving_) thread.join();
  }

  int port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// All requests so far, in the order in which their heads came. One that is being read counts.
  std::vector<Request> requests() const {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }
  int connections() const {
    const std::scoped_lock lock(mutex_);
    return connections_;
  }

 private:
  struct End {};  // of a connection: thrown where nothing more can be read or sent

  class Socket {
   public:
    Socket(int fd, const pgbak::Stop& stop) : fd_(fd), stop_(stop) {}

    /// At least one byte more in `received`.
    void receive() {
      char buffer[64 << 10];
      wait(POLLIN);
      const ssize_t got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
      if (got <= 0) throw End();
      received.append(buffer, static_cast<std::size_t>(got));
    }
    void send(const std::string& bytes) {
      for (std::size_t at = 0; at < bytes.size();) {
        wait(POLLOUT);
        const ssize_t sent =
            ::send(fd_.get(), bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) throw End();
        at += static_cast<std::size_t>(sent);
      }
    }
    void reset_at_close() const {
      const linger at_once{1, 0};
      ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    /// Takes up to `size` bytes off `received`.
    std::string take(std::size_t size) {
      std::string taken = received.substr(0, size);
      received.erase(0, size);
      return taken;
    }

    std::string received;  // and not yet taken

   private:
    void wait(short events) const {
      pollfd fds[] = {{fd_.get(), events, 0}, {stop_.fd(), POLLIN, 0}};
      ::poll(fds, 2, -1);
      if (stop_.requested()) throw End();
    }
    const pgbak::UniqueFd fd_;
    const pgbak::Stop& stop_;
  };

  void accept_all() {
    for (;;) {
      pollfd fds[] = {{listener_.get(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}};
      ::poll(fds, 2, -1);
      if (stop_.requested()) return;
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      const std::scoped_lock lock(mutex_);
      serving_.emplace_back([this, fd, number = ++connections_] { serve(fd, number); });
    }
  }

  void serve(int fd, int connection) {
    Socket socket(fd, stop_);
    try {
      while (serve_one(socket, connection)) {
      }
    } catch (const End&) {
    }
  }

  /// Whether the connection goes on.
  bool serve_one(Socket& socket, int connection) {
    Request request = read_head(socket, connection);
    const std::string length = request.header("Content-Length");
    std::size_t body_bytes = length.empty() ? 0 : std::stoul(length);

    std::optional<EarlyReply> early;
    if (early_) {
      const std::scoped_lock lock(mutex_);
      early = early_(request);
    }
    if (early) body_bytes = std::min(body_bytes, early->read_bytes);
    while (socket.received.size() < body_bytes) socket.receive();
    request.body = socket.take(body_bytes);
    Reply reply;
    {
      const std::scoped_lock lock(mutex_);
      requests_.at(static_cast<std::size_t>(request.number) - 1).body = request.body;
      reply = early ? early->reply : script_(request);
    }
    const bool goes_on = answer(socket, request, reply) && !early;
    while (early && early->read_on) socket.receive();
    return goes_on;
  }

  Request read_head(Socket& socket, int connection) {
    std::size_t end = 0;
    while ((end = socket.received.find("\r\n\r\n")) == std::string::npos) {
      socket.receive();
      constexpr char kTlsHandshake = 22;
      if (socket.received[0] == kTlsHandshake) {
        socket.send("HTTP/1.1 400 Not TLS\r\n\r\n");
        for (;;) socket.receive();  // lest a close overtake it
      }
    }
    const std::string head = socket.take(end + 4);
    Request request;
    request.connection = connection;
    std::size_t at = head.find("\r\n");
    const std::string line = head.substr(0, at);
    request.method = line.substr(0, line.find(' '));
    request.target =
        line.substr(request.method.size() + 1, line.rfind(' ') - request.method.size() - 1);
    const std::size_t mark = request.target.find('?');
    request.path = request.target.substr(0, mark);
    if (mark != std::string::npos) request.query = request.target.substr(mark + 1);
    for (at += 2; at < end;) {
      const std::size_t next = head.find("\r\n", at);
      const std::size_t colon = head.find(':', at);
      const std::size_t value = head.find_first_not_of(' ', colon + 1);
      request.headers.emplace_back(head.substr(at, colon - at), head.substr(value, next - value));
      at = next + 2;
    }
    const std::scoped_lock lock(mutex_);
    request.number = static_cast<int>(requests_.size()) + 1;
    requests_.push_back(request);
    return request;
  }

  bool answer(Socket& socket, const Request& request, const Reply& reply) {
    if (reply.delay.count() > 0) sleep_until(pgbak::SteadyClock::now() + reply.delay);
    if (reply.reset) socket.reset_at_close();
    if (reply.no_answer) return false;
    socket.send(reply.before);
    if (!reply.raw.empty()) socket.send(reply.raw);
    if (!reply.raw.empty() && !reply.stall) return false;
    if (reply.raw.empty() && (!reply.stall || reply.cut_after_bytes)) {
      std::string body = reply.chunked ? chunks_of(reply.body) : reply.body;
      if (request.method == "HEAD") body.clear();
      if (reply.cut_after_bytes) body.resize(std::min(body.size(), *reply.cut_after_bytes));
      socket.send(head_of(reply) + (reply.pause.count() > 0 ? "" : body));
      for (std::size_t at = 0; reply.pause.count() > 0 && at < body.size(); ++at) {
        sleep_until(pgbak::SteadyClock::now() + reply.pause);
        socket.send(body.substr(at, 1));
      }
    }
    if (reply.stall) sleep_until(pgbak::SteadyClock::time_point::max());
    return !reply.close && !reply.cut_after_bytes;
  }

  static std::string head_of(const Reply& reply) {
    std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " Scripted\r\n";
    bool length = reply.chunked || reply.status == 204 || reply.status == 304;
    if (reply.chunked) head += "Transfer-Encoding: chunked\r\n";
    for (const auto& [name, value] : reply.headers) {
      head.append(name).append(": ").append(value).append("\r\n");
      length = length || ::strcasecmp(name.c_str(), "Content-Length") == 0;
    }
    if (!length) {
      head +=
          "Content-Length: " + std::to_string(reply.content_length.value_or(reply.body.size())) +
          "\r\n";
    }
    return head + "\r\n";
  }

  static std::string chunks_of(const std::string& body) {
    std::string out;
    for (std::size_t at = 0; at < body.size(); at += 1000) {
      const std::string chunk = body.substr(at, 1000);
      char size[16];
      std::snprintf(size, sizeof size, "%zx\r\n", chunk.size());
      out += size + chunk + "\r\n";
    }
    return out + "0\r\n\r\n";
  }

  void sleep_until(pgbak::SteadyClock::time_point due) const {
    for (;;) {
      const auto now = pgbak::SteadyClock::now();
      if (now >= due) return;
      const auto left = std::min<pgbak::SteadyClock::duration>(due - now, std::chrono::minutes(1));
      pollfd stopped{stop_.fd(), POLLIN, 0};
      const auto wait_ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      ::poll(&stopped, 1, static_cast<int>(wait_ms));
      if (stop_.requested()) throw End();
    }
  }

  const Script script_;
  const EarlyScript early_;
  pgbak::Stop stop_;
  pgbak::UniqueFd listener_;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  int connections_ = 0;
  std::vector<std::thread> serving_;
  std::thread acceptor_;
};
