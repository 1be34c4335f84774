// The protocols of the three services (docs.aws.amazon.com: AssumeRoleWithWebIdentity in the STS
// API reference, "Container credential provider" and "IMDS credential provider" in the SDKs and
// Tools reference). Tokens and keys are Secrets from the moment they are read.
#include "host/store/aws_metadata.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <pugixml.hpp>
#include <span>

#include "host/base/environment.hpp"
#include "host/base/error.hpp"
#include "host/base/file.hpp"
#include "host/base/json.hpp"
#include "host/base/text.hpp"
#include "host/http/client.hpp"
#include "host/http/retry.hpp"
#include "host/store/aws_config.hpp"
#include "host/store/s3_sign.hpp"
#include "host/store/url_parts.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "store.credentials";
constexpr std::size_t kLimitBytes = 1U << 20U;
constexpr const char* kInstanceTokenSeconds = "21600";

/// How a service is asked.
struct Asking {
  std::string who;  ///< for people
  HttpOptions http;
  RetryPolicy retry;
  std::chrono::milliseconds stall_timeout{10'000};
};

Asking asking(std::string who) {
  Asking out{std::move(who), {}, {}};
  out.http.ca_file = environment("AWS_CA_BUNDLE").value_or("");
  out.retry.attempts = 4;
  return out;
}

/// The answer to one request, asked again while the service is in trouble.
HttpResponse ask(HttpClient& client, const Asking& how, HttpRequest request, const Stop& stop) {
  request.stall_timeout = how.stall_timeout;
  Retry retry(how.retry, stop);
  for (;;) {
    try {
      HttpResponse response = client.send(request, stop, kLimitBytes);
      if (response.status < 500 && response.status != 429) return response;
      throw Error(ErrorKind::unavailable, kOp,
                  fmt::format("{} answered with status {}", how.who, response.status))
          .retryable();
    } catch (const Error& error) {
      retry.failed(error);
    }
  }
}

Error no_credentials_in(const std::string& who, const std::string& what) {
  return Error(ErrorKind::protocol, kOp, who + " gave no credentials: " + what);
}

Error refused(const std::string& who, int status, const std::string& code,
              const std::string& message) {
  std::string text = fmt::format("{} refused with status {}", who, status);
  for (const std::string& part : {tame(code, 64), tame(message, 300)}) {
    if (!part.empty()) text += ": " + part;
  }
  return Error(ErrorKind::permission, kOp, text);
}

WallTime expiry(const std::string& who, const std::string& text) {
  try {
    return parse_rfc3339(tame(text, 64));
  } catch (const Error& error) {
    throw no_credentials_in(who, "a wrong expiry").cause(error);
  }
}

Credentials complete(Credentials found, const std::string& who) {
  if (found.access_key_id.empty() || found.secret_access_key.empty()) {
    throw no_credentials_in(who, "a key is missing");
  }
  found.origin = who;
  return found;
}

/// The text at `name`, or empty.
std::string text_at(const Json& object, const char* name) {
  const auto at = object.is_object() ? object.find(name) : object.end();
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

/// What the container's agent and the instance answer: AccessKeyId, SecretAccessKey, Token,
/// Expiration.
Credentials from_json(const std::string& body, const std::string& who) {
  Json object;
  try {
    object = parse_json(body);
  } catch (const Error& error) {
    throw no_credentials_in(who, "its answer is no JSON object").cause(error);
  }
  const std::string code = text_at(object, "Code");
  if (!code.empty() && code != "Success") {
    throw refused(who, 200, code, text_at(object, "Message"));
  }
  Credentials found;
  found.access_key_id = text_at(object, "AccessKeyId");
  found.secret_access_key = Secret(text_at(object, "SecretAccessKey"));
  found.session_token = Secret(text_at(object, "Token"));
  const std::string expires = text_at(object, "Expiration");
  if (!expires.empty()) found.expires = expiry(who, expires);
  return complete(std::move(found), who);
}

/// The answer of AssumeRoleWithWebIdentity.
Credentials from_sts(const HttpResponse& response, const std::string& who) {
  pugi::xml_document document;
  const pugi::xml_parse_result parsed =
      document.load_buffer(response.body.data(), response.body.size());
  if (response.status != 200) {
    const pugi::xml_node error = document.child("ErrorResponse").child("Error");
    throw refused(who, response.status, error.child_value("Code"), error.child_value("Message"));
  }
  if (!parsed) throw no_credentials_in(who, "its answer is no XML");
  const pugi::xml_node node = document.child("AssumeRoleWithWebIdentityResponse")
                                  .child("AssumeRoleWithWebIdentityResult")
                                  .child("Credentials");
  Credentials found;
  found.access_key_id = node.child_value("AccessKeyId");
  found.secret_access_key = Secret(node.child_value("SecretAccessKey"));
  found.session_token = Secret(node.child_value("SessionToken"));
  found = complete(std::move(found), who);
  found.expires = expiry(who, node.child_value("Expiration"));
  return found;
}

Secret web_identity_token(const std::string& path) {
  try {
    std::string token = read_file(path, kLimitBytes);
    token.erase(token.find_last_not_of(" \t\r\n") + 1);
    if (!token.empty()) return Secret(std::move(token));
  } catch (const Error& error) {
    throw Error(ErrorKind::config, kOp, "cannot read the web identity token").cause(error);
  }
  throw Error(ErrorKind::config, kOp, "the web identity token in '" + path + "' is empty");
}

bool is_loopback_or_agent(const std::string& host) {
  if (host == "localhost") return true;
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    const bool loopback = (ntohl(v4.s_addr) >> 24U) == 127;
    return loopback || host == "169.254.170.2" || host == "169.254.170.23";
  }
  if (host.size() < 2 || host.front() != '[') return false;
  in6_addr v6{};
  in6_addr agent{};
  ::inet_pton(AF_INET6, "fd00:ec2::23", &agent);
  if (::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&v6) || IN6_ARE_ADDR_EQUAL(&v6, &agent);
}

/// An instance's metadata service.
class InstanceMetadata {
 public:
  InstanceMetadata(std::string endpoint, const Stop& stop)
      : endpoint_(std::move(endpoint)),
        how_(beside(asking("instance metadata at '" + endpoint_ + "'"))),
        client_(how_.http),
        stop_(stop) {}

  const std::string& who() const { return how_.who; }

  HttpResponse put_token() {
    return send("PUT", "/latest/api/token",
                {{"X-aws-ec2-metadata-token-ttl-seconds", kInstanceTokenSeconds}});
  }
  HttpResponse get(const std::string& path, const Secret& token) {
    return send("GET", path, {{"X-aws-ec2-metadata-token", token.reveal()}});
  }

 private:
  /// Elsewhere than on an instance nothing answers; that must not hold up a backup. A proxy would
  /// answer with the keys of another machine.
  static Asking beside(Asking how) {
    how.http.direct = true;
    how.http.connect_timeout = how.stall_timeout = std::chrono::milliseconds(1'000);
    how.retry.attempts = 2;
    return how;
  }
  HttpResponse send(const char* method, const std::string& path, HttpHeaders headers) {
    return ask(client_, how_, {method, endpoint_ + path, std::move(headers), {}}, stop_);
  }

  const std::string endpoint_;
  const Asking how_;
  HttpClient client_;
  const Stop& stop_;
};

}  // namespace

Credentials web_identity_credentials(const WebIdentity& identity, const std::string& region,
                                     const Stop& stop) {
  const std::string own_region = region.empty() ? "us-east-1" : region;
  const std::string url = environment("AWS_ENDPOINT_URL_STS")
                              .value_or("https://sts." + own_region + "." + aws_domain(own_region));
  const Asking how = asking("token service at '" + url + "'");
  const Secret token = web_identity_token(identity.token_file);
  const std::string body = canonical_query(
      {{"Action", "AssumeRoleWithWebIdentity"},
       {"Version", "2011-06-15"},
       {"RoleArn", identity.role_arn},
       {"RoleSessionName", identity.session_name.empty() ? "pgbak" : identity.session_name},
       {"WebIdentityToken", token.reveal()}});
  HttpClient client(how.http);
  HttpRequest request{
      "POST", url.ends_with('/') ? url : url + "/", {}, std::as_bytes(std::span(body))};
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  return from_sts(ask(client, how, std::move(request), stop), how.who);
}

std::optional<std::string> container_url() {
  if (const auto path = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")) {
    return "http://169.254.170.2" + (path->starts_with('/') ? *path : "/" + *path);
  }
  auto url = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (!url) return std::nullopt;
  const auto parts = parse_url(*url);
  const bool allowed = parts && (parts->scheme == "https" ||
                                 (parts->scheme == "http" && is_loopback_or_agent(parts->host)));
  if (!allowed) {
    throw Error(ErrorKind::config, kOp,
                "AWS_CONTAINER_CREDENTIALS_FULL_URI is no place for credentials: '" + *url + "'")
        .hint(
            "it must be https, or http to this machine, 169.254.170.2, 169.254.170.23 or "
            "[fd00:ec2::23]");
  }
  return url;
}

Credentials container_credentials(const std::string& url, const Stop& stop) {
  Asking how = asking("container's agent at '" + url.substr(0, url.find('?')) + "'");
  // Beside this machine, and not encrypted: a proxy would read the token and could answer itself.
  const auto parts = parse_url(url);
  how.http.direct = parts && parts->scheme == "http";
  HttpRequest request{"GET", url, {}, {}};
  const auto token = secret_from_environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (token) request.headers = {{"Authorization", token->reveal()}};
  HttpClient client(how.http);
  const HttpResponse response = ask(client, how, std::move(request), stop);
  if (response.status == 200) return from_json(response.body, how.who);
  Error error = refused(how.who, response.status, "", "");
  if (token) throw error;
  throw std::move(error).hint("AWS_CONTAINER_AUTHORIZATION_TOKEN is not set");
}

std::optional<Credentials> instance_credentials(const Stop& stop, std::string& why) {
  constexpr const char* kRoles = "/latest/meta-data/iam/security-credentials/";
  std::string endpoint =
      environment("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or("http://169.254.169.254");
  if (endpoint.ends_with('/')) endpoint.pop_back();
  InstanceMetadata service(endpoint, stop);
  HttpResponse answer;
  try {
    answer = service.put_token();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    why = service.who() + ": " + error.text();
    return std::nullopt;
  }
  if (answer.status != 200) {
    why = fmt::format("{}: status {} for a token", service.who(), answer.status);
    return std::nullopt;
  }
  const Secret token(answer.body);
  answer = service.get(kRoles, token);
  const std::string role = answer.body.substr(0, answer.body.find_first_of("\r\n"));
  if (answer.status == 404 || (answer.status == 200 && role.empty())) {
    why = service.who() + ": no role";
    return std::nullopt;
  }
  if (answer.status != 200) throw refused(service.who(), answer.status, "", "");
  answer = service.get(kRoles + percent_encode(role, true), token);
  if (answer.status != 200) throw refused(service.who(), answer.status, "", "");
  return from_json(answer.body, service.who());
}

}  // namespace pgbak
