// How the fake S3 service (fake_s3.hpp) says no, and which of its requests goes wrong, and how.
#pragma once

#include <map>
#include <sstream>

#include "host/store/url_parts.hpp"
#include "tests/support/http_server.hpp"

struct S3Replies {
  using Request = HttpServer::Request;
  using Reply = HttpServer::Reply;
  using Texts = std::map<std::string, std::string>;

  static Reply answer(int status, std::string body = {}) {
    Reply reply;
    reply.status = status;
    reply.body = std::move(body);
    return reply;
  }
  static Reply error(int status, const std::string& code, const std::string& more = {}) {
    return answer(status, "<?xml version=\"1.0\"?>\n<Error><Code>" + code +
                              "</Code><Message>as told</Message>" + more + "</Error>");
  }
  static Texts query_of(const Request& request) {
    Texts out;
    std::istringstream items(request.query);
    for (std::string item; std::getline(items, item, '&');) {
      const std::size_t equals = std::min(item.find('='), item.size() - 1);
      out[pgbak::percent_decode(item.substr(0, equals))] =
          pgbak::percent_decode(item.substr(equals + 1));
    }
    return out;
  }
};

enum class Fault {
  internal_error,  ///< 500, nothing done
  busy,            ///< 503 with Retry-After: 0, nothing done
  cut_before,      ///< cut when the head has come, nothing done
  cut_body,        ///< cut in the middle of the request's body, nothing done; else no fault
  lost_answer,     ///< done, but cut without an answer
  cut_answer,      ///< done, but cut in the middle of the answer's body
  late_error,      ///< a completion gets 200 with an <Error> in it, nothing done; else no fault
};

/// One fault, or the same again and again. Not thread-safe.
class FaultPlan {
 public:
  using Request = HttpServer::Request;
  using Reply = HttpServer::Reply;

  FaultPlan() = default;
  /// Strikes request number `at`, and `for_good` all after it.
  FaultPlan(int at, Fault fault, bool for_good) : at_(at), fault_(fault), for_good_(for_good) {}

  void end() { at_ = 0; }

  /// The request that was to be struck, once it has come.
  std::optional<Request> struck() const { return struck_; }

  /// What goes wrong before the body of a request has come.
  std::optional<HttpServer::EarlyReply> interrupt(const Request& head) {
    if (!due(head)) return std::nullopt;
    if (!struck_) struck_ = head;
    const std::string length = head.header("content-length");
    const std::size_t body_bytes = length.empty() ? 0 : std::stoul(length);
    const bool cuts_body = fault_ == Fault::cut_body && body_bytes > 0;
    if (fault_ != Fault::cut_before && !cuts_body) return std::nullopt;
    Reply reply;
    reply.no_answer = true;
    return HttpServer::EarlyReply{reply, cuts_body ? body_bytes / 2 : 0};
  }

  /// The answer to a request, for which `act` does what it asks.
  template <typename Act>
  Reply answer(const Request& request, Act act) const {
    if (!due(request)) return act();
    if (fault_ == Fault::internal_error) return S3Replies::error(500, "InternalError");
    if (fault_ == Fault::busy) {
      Reply reply = S3Replies::error(503, "SlowDown");
      reply.headers.emplace_back("Retry-After", "0");
      return reply;
    }
    const bool completes =
        request.method == "POST" && S3Replies::query_of(request).count("uploadId") == 1;
    if (fault_ == Fault::late_error && completes) return S3Replies::error(200, "InternalError");
    Reply reply = act();
    reply.no_answer = fault_ == Fault::lost_answer;
    if (fault_ == Fault::cut_answer) reply.cut_after_bytes = reply.body.size() / 2;
    return reply;
  }

 private:
  bool due(const Request& request) const {
    if (at_ == 0 || request.number < at_) return false;
    return request.number == at_ || for_good_;
  }

  int at_ = 0;
  Fault fault_ = Fault::internal_error;
  bool for_good_ = false;
  std::optional<Request> struck_;
};
