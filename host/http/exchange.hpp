// One request and its response. Internal to host/http.
#pragma once

#include <curl/curl.h>

#include <array>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "host/base/clock.hpp"
#include "host/base/error.hpp"
#include "host/http/channel.hpp"
#include "host/http/client.hpp"

namespace pgbak {

/// Owns its channel until the exchange has ended, well or by an error. Drives it on the caller's
/// thread; libcurl's own threads do no more than resolve names.
class Exchange final : public HttpStream {
 public:
  Exchange(std::shared_ptr<ChannelPool> channels, const HttpRequest& request);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() override;

  /// For a response that is to come whole within this time after the request.
  void limit_response(std::chrono::milliseconds timeout) { response_timeout_ = timeout; }
  /// Sends the request; comes first. The request's body is not looked at any more afterwards.
  void wait_for_head(const Stop& stop);
  const HttpHead& head() const override { return head_; }
  std::size_t read(std::span<std::byte> into, const Stop& stop) override;

  /// An Error that names the request.
  Error failure(ErrorKind kind, const std::string& why) const;

 private:
  using HeaderList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

  void add_header(const HttpHeader& header);
  void set_up_request(const HttpRequest& request);
  void set_up_connection();
  void set_up_callbacks();

  template <typename Work>
  std::size_t guarded(std::size_t aborted, Work work) noexcept;
  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) noexcept;
  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) noexcept;
  static std::size_t on_send(char* into, std::size_t, std::size_t size, void* self) noexcept;
  static int on_socket(void* channel, curl_socket_t socket, curlsocktype purpose) noexcept;
  static int on_rewind(void* self, curl_off_t offset, int origin) noexcept;
  void take_header(std::string_view line);
  std::size_t take_body(std::string_view bytes);
  std::size_t give_body(std::span<char> into);

  template <typename Ready>
  void drive(const Stop& stop, Ready ready);
  void acknowledge_at_once() const;
  SteadyClock::time_point response_due(SteadyClock::time_point now);
  std::array<std::uint64_t, 3> progress() const;
  void check(CURLMcode code) const;
  void settle(CURLcode code);
  void release(bool ended_well);
  Error translate(CURLcode code) const;

  const std::shared_ptr<ChannelPool> channels_;
  const std::string what_;  // method and shown_url(): a query may hold a signature
  const Bytes body_;
  const std::chrono::milliseconds stall_timeout_;
  std::optional<std::chrono::milliseconds> response_timeout_;
  HeaderList headers_{nullptr, curl_slist_free_all};
  std::array<char, CURL_ERROR_SIZE> curl_says_{};

  std::size_t sent_ = 0;
  SteadyClock::time_point sent_at_ = SteadyClock::now();  // all of it
  bool body_released_ = false;                            // body_ may point nowhere from now on
  HttpHead head_;
  bool has_head_ = false;
  std::uint64_t header_lines_ = 0;
  std::string received_;   // of the body …
  std::size_t taken_ = 0;  // … and how much of that read() has given
  bool paused_ = false;    // since received_ is full
  std::exception_ptr thrown_;
  std::optional<Error> failure_;
  std::unique_ptr<Channel> channel_;
};

}  // namespace pgbak
