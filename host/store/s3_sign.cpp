// Signature Version 4: a canonical form of the request, hashed, and signed with a key derived from
// the secret for one day, region and service. Pure functions; any thread.
#include "host/store/s3_sign.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <map>

#include "host/base/error.hpp"
#include "host/base/text.hpp"
#include "host/stream/observe.hpp"

namespace pgbak {
namespace {

constexpr const char* kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::int64_t kLongestLinkSeconds = 604'800;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// 32 raw bytes.
std::string hmac_sha256(std::string_view key, std::string_view text) {
  std::string mac(32, '\0');
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes(text), text.size(),
           reinterpret_cast<unsigned char*>(mac.data()), nullptr) == nullptr) {
    throw Error(ErrorKind::internal, "store.sign", "openssl refused an hmac");
  }
  return mac;
}

/// Without spaces at the ends, and with single ones between.
std::string trimmed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' || (!out.empty() && out.back() != ' ')) out += c;
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

struct CanonicalHeaders {
  std::string lines;  ///< "name:value\n", by name
  std::string names;  ///< "host;range"
};

CanonicalHeaders canonical_headers(const HttpHeaders& headers, const std::string& host) {
  std::map<std::string, std::string> sorted;
  for (const HttpHeader& header : headers) {
    const auto [at, first] = sorted.try_emplace(lower(header.name), trimmed(header.value));
    if (!first) at->second += "," + trimmed(header.value);
  }
  sorted.try_emplace("host", host);
  CanonicalHeaders out;
  for (const auto& [name, value] : sorted) {
    out.lines += name + ":" + value + "\n";
    out.names += (out.names.empty() ? "" : ";") + name;
  }
  return out;
}

std::string timestamp(WallTime time) { return fmt::format("{:%Y%m%dT%H%M%SZ}", time); }

std::string credential_scope(const SigningScope& scope) {
  return fmt::format("{:%Y%m%d}/{}/{}/aws4_request", scope.time, scope.region, scope.service);
}

std::string signature(const SigningInput& input, const CanonicalHeaders& headers,
                      const SigningScope& scope, const Credentials& credentials) {
  const std::string request =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", input.method, input.path, canonical_query(input.query),
                  headers.lines, headers.names, input.payload_sha256);
  const std::string to_sign = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, timestamp(scope.time),
                                          credential_scope(scope), sha256_hex(request));
  std::string key = "AWS4" + credentials.secret_access_key.reveal();
  for (const std::string& part : {fmt::format("{:%Y%m%d}", scope.time), scope.region, scope.service,
                                  std::string("aws4_request")}) {
    key = hmac_sha256(key, part);
  }
  const std::string mac = hmac_sha256(key, to_sign);
  return fmt::format("{:02x}", fmt::join(bytes(mac), bytes(mac) + mac.size(), ""));
}

}  // namespace

std::string canonical_query(const Query& query) {
  Query encoded;
  for (const auto& [name, value] : query) {
    encoded.emplace_back(percent_encode(name, false), percent_encode(value, false));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) {
    out += (out.empty() ? "" : "&") + name + "=" + value;
  }
  return out;
}

HttpHeaders sign_v4(const SigningInput& input, const SigningScope& scope,
                    const Credentials& credentials) {
  HttpHeaders headers = input.headers;
  headers.push_back({"x-amz-date", timestamp(scope.time)});
  if (scope.service == "s3") headers.push_back({"x-amz-content-sha256", input.payload_sha256});
  if (!credentials.session_token.empty()) {
    headers.push_back({"x-amz-security-token", credentials.session_token.reveal()});
  }
  const CanonicalHeaders canonical = canonical_headers(headers, input.host);
  headers.push_back(
      {"Authorization",
       fmt::format("{} Credential={}/{},SignedHeaders={},Signature={}", kAlgorithm,
                   credentials.access_key_id, credential_scope(scope), canonical.names,
                   signature(input, canonical, scope, credentials))});
  return headers;
}

std::string presign_v4(const SigningInput& input, const SigningScope& scope,
                       const Credentials& credentials, std::int64_t seconds) {
  if (seconds < 1 || seconds > kLongestLinkSeconds) {
    throw Error(ErrorKind::config, "store.presign",
                fmt::format("a link cannot last {} seconds", seconds))
        .hint(fmt::format("1 to {} seconds (a week) is what the service allows",
                          kLongestLinkSeconds));
  }
  const CanonicalHeaders canonical = canonical_headers({}, input.host);
  SigningInput link = input;
  link.payload_sha256 = "UNSIGNED-PAYLOAD";
  link.query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  link.query.emplace_back("X-Amz-Credential",
                          credentials.access_key_id + "/" + credential_scope(scope));
  link.query.emplace_back("X-Amz-Date", timestamp(scope.time));
  link.query.emplace_back("X-Amz-Expires", std::to_string(seconds));
  link.query.emplace_back("X-Amz-SignedHeaders", canonical.names);
  if (!credentials.session_token.empty()) {
    link.query.emplace_back("X-Amz-Security-Token", credentials.session_token.reveal());
  }
  return canonical_query(link.query) +
         "&X-Amz-Signature=" + signature(link, canonical, scope, credentials);
}

}  // namespace pgbak
