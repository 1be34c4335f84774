// What libcurl keeps between two exchanges of a client. Internal to host/http.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <mutex>
#include <vector>

#include "host/http/client.hpp"

namespace pgbak {

/// A multi handle, which keeps connections, and its one easy handle. Used by one thread at a time.
struct Channel {
  Channel();

  // The easy handle goes first: its clean-up may use what the multi handle keeps.
  std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi;
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy;
  curl_socket_t socket = CURL_SOCKET_BAD;  ///< of the connection made last
};

/// The idle channels of a client; an exchange takes one and gives it back. Thread-safe.
class ChannelPool {
 public:
  explicit ChannelPool(HttpOptions options);

  const HttpOptions& options() const { return options_; }
  /// An idle channel, else a new one.
  std::unique_ptr<Channel> take();
  void give_back(std::unique_ptr<Channel> channel);

 private:
  const HttpOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Channel>> idle_;
};

}  // namespace pgbak
