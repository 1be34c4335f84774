// Whom the client trusts, against a server of the openssl program with an authority of its own.
#include <poll.h>
#include <unistd.h>

#include <optional>

#include "host/base/file.hpp"
#include "host/http/client.hpp"
#include "host/process/child.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/caught.hpp"
#include "tests/support/http_server.hpp"
#include "tests/support/temp_dir.hpp"

using pgbak::HttpClient;

namespace {

const pgbak::Stop no_stop;

void openssl(std::vector<std::string> args) {
  pgbak::run_captured({"openssl", std::move(args), {}, false, false}, no_stop);
}

/// A TLS server on 127.0.0.1 whose certificate, for `name`, is signed by the authority ca_file().
class TlsServer {
 public:
  explicit TlsServer(const std::string& name = "IP:127.0.0.1") {
    const std::vector<std::string> new_key = {"req",    "-x509",    "-newkey",
                                              "ec",     "-pkeyopt", "ec_paramgen_curve:P-256",
                                              "-nodes", "-days",    "1"};
    std::vector<std::string> authority = new_key;
    authority.insert(authority.end(), {"-subj", "/CN=test authority", "-keyout", dir_ / "ca.key",
                                       "-out", ca_file()});
    openssl(authority);
    std::vector<std::string> own = new_key;
    own.insert(own.end(),
               {"-subj", "/CN=test server", "-addext", "subjectAltName=" + name, "-addext",
                "basicConstraints=critical,CA:FALSE", "-CA", ca_file(), "-CAkey", dir_ / "ca.key",
                "-keyout", dir_ / "own.key", "-out", dir_ / "own.pem"});
    openssl(own);
    server_.emplace(pgbak::ChildSpec{"openssl",
                                     {"s_server", "-accept", "127.0.0.1:0", "-cert",
                                      dir_ / "own.pem", "-key", dir_ / "own.key", "-www"},
                                     {},
                                     false,
                                     true});
    read_port();
  }
  std::string ca_file() const { return dir_ / "ca.pem"; }
  std::string url() const { return "https://127.0.0.1:" + port_ + "/"; }

 private:
  /// From "ACCEPT 127.0.0.1:41234".
  void read_port() {
    std::string said;
    char byte = 0;
    while (said.find("ACCEPT ") == std::string::npos || byte != '\n') {
      pollfd output{server_->stdout_fd(), POLLIN, 0};
      ::poll(&output, 1, 30'000);
      if (::read(output.fd, &byte, 1) != 1) {
        throw std::runtime_error("openssl s_server: " + server_->stderr_tail());
      }
      said += byte;
    }
    const std::size_t colon = said.rfind(':');
    port_ = said.substr(colon + 1, said.size() - colon - 2);
  }

  TempDir dir_;
  std::optional<pgbak::Child> server_;
  std::string port_;
};

int status(const TlsServer& server, const pgbak::HttpOptions& options) {
  HttpClient client(options);
  const pgbak::HttpResponse response = client.send({"GET", server.url(), {}, {}}, no_stop);
  CHECK_THAT(response.body, ContainsSubstring("s_server"));
  return response.status;
}

pgbak::Error refusal(const TlsServer& server, const pgbak::HttpOptions& options) {
  HttpClient client(options);
  return caught([&] { client.send({"GET", server.url() + "?secret", {}, {}}, no_stop); });
}

}  // namespace

TEST_CASE("a certificate of the authority in ca_file is trusted, an unknown one is not") {
  const TlsServer server;
  CHECK(status(server, {server.ca_file()}) == 200);
  const pgbak::Error error = refusal(server, {});
  CHECK(kind_of(error) == "protocol");
  CHECK_FALSE(error.retryable());
  CHECK(error.text().find("GET " + server.url() + ": SSL certificate problem") == 0);
  CHECK_THAT(error.hint(), ContainsSubstring("ca_file"));
  CHECK_THAT(error.hint(), ContainsSubstring("verify_tls"));
}

TEST_CASE("a trusted certificate for another name is refused") {
  const TlsServer server("DNS:elsewhere.example.com");
  const pgbak::Error error = refusal(server, {server.ca_file()});
  CHECK(kind_of(error) == "protocol");
  CHECK_FALSE(error.retryable());
}

TEST_CASE("without verification any certificate will do") {
  const TlsServer server("DNS:elsewhere.example.com");
  CHECK(status(server, {"", false}) == 200);
}

TEST_CASE("a ca_file without certificates is an error of the configuration") {
  const TlsServer server;
  const TempDir dir;
  pgbak::write_new_file(dir / "empty.pem", "no certificate\n");
  for (const char* name : {"empty.pem", "missing.pem"}) {
    const pgbak::Error error = refusal(server, {dir / name});
    CHECK(kind_of(error) == "config");
    CHECK_THAT(error.text(), ContainsSubstring("read from ca_file '" + (dir / name) + "'"));
    CHECK(error.text().find("secret") == std::string::npos);
  }
}

TEST_CASE("https to a server that speaks http is a protocol error with advice") {
  const HttpServer server([](const HttpServer::Request&) { return HttpServer::Reply(); });
  HttpClient client({});
  const std::string url = "https://127.0.0.1:" + std::to_string(server.port()) + "/";
  const pgbak::Error error = caught([&] { client.send({"GET", url, {}, {}}, no_stop); });
  INFO(error.text());
  CHECK(kind_of(error) == "protocol");
  CHECK_FALSE(error.retryable());
  CHECK(error.hint() == "the endpoint may speak http, not https");
}
