// The services that give credentials, played by a scripted server: the token service at POST /, a
// container's agent at /container, an instance's metadata.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "tests/support/http_server.hpp"

class AwsServices {
 public:
  /// The answers of a good day.
  static std::string keys_json(const std::string& id, const std::string& expires) {
    return R"({"Code": "Success", "AccessKeyId": ")" + id +
           R"(", "SecretAccessKey": "service-secret", "Token": "service-token", "Expiration": ")" +
           expires + "\"}";
  }
  static std::string keys_xml(const std::string& id, const std::string& expires) {
    return "<?xml version=\"1.0\"?>\n"
           "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
           "<AssumeRoleWithWebIdentityResult><Audience>x</Audience><Credentials><Expiration>" +
           expires + "</Expiration><SessionToken>service-token</SessionToken><AccessKeyId>" + id +
           "</AccessKeyId><SecretAccessKey>service-secret</SecretAccessKey></Credentials>"
           "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
  }
  static constexpr const char* kFarFuture = "2999-01-01T00:00:00Z";
  static constexpr const char* kPast = "2001-01-01T00:00:00Z";
  static constexpr const char* kRoles = "/latest/meta-data/iam/security-credentials/";

  AwsServices() {
    answer("POST", "/", keys_xml("AKIDSTS", kFarFuture));
    answer("GET", "/container", keys_json("AKIDCONTAINER", kFarFuture));
    answer("PUT", "/latest/api/token", "metadata-session");
    answer("GET", kRoles, "backup role\n");
    answer("GET", std::string(kRoles) + "backup%20role", keys_json("AKIDINSTANCE", kFarFuture));
  }

  /// From now on; 404 for what has no answer.
  void answer(const std::string& method, const std::string& path, const std::string& body,
              int status = 200) {
    HttpServer::Reply reply;
    reply.status = status;
    reply.body = body;
    answer(method, path, reply);
  }
  void answer(const std::string& method, const std::string& path, const HttpServer::Reply& reply) {
    const std::scoped_lock lock(mutex_);
    replies_[method + " " + path] = reply;
  }

  std::string url() const { return server_.url(); }
  std::vector<HttpServer::Request> requests() const { return server_.requests(); }

 private:
  HttpServer::Reply reply_to(const HttpServer::Request& request) {
    const std::scoped_lock lock(mutex_);
    const auto at = replies_.find(request.method + " " + request.path);
    if (at != replies_.end()) return at->second;
    HttpServer::Reply missing;
    missing.status = 404;
    return missing;
  }

  std::mutex mutex_;
  std::map<std::string, HttpServer::Reply> replies_;
  HttpServer server_{[this](const HttpServer::Request& request) { return reply_to(request); }};
};
