// An exchange drives its channel on the caller's thread; libcurl's threads do no more than resolve
// names. A channel is a multi handle, which keeps connections, and its one easy handle: the
// client's while idle, else the exchange's.
#include "host/http/client.hpp"

#include <curl/curl.h>
#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstring>
#include <mutex>
#include <optional>
#include <utility>

#include "host/base/clock.hpp"
#include "host/base/error.hpp"
#include "host/base/units.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "http.request";
/// libcurl's own 16 and 64 KiB cost a third of the speed on a loopback interface.
constexpr std::size_t kBufferBytes = 256U << 10U;
constexpr const char* kEndpointHint = "check the endpoint and the network";

struct Channel {
  Channel() : multi(curl_multi_init(), curl_multi_cleanup), easy(make_easy(), curl_easy_cleanup) {
    if (!multi || !easy) throw std::bad_alloc();
  }

  // The easy handle goes first: its clean-up may still use the multi handle's caches.
  std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi;
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy;

 private:
  static CURL* make_easy() {
    static const CURLcode kInitialized = curl_global_init(CURL_GLOBAL_DEFAULT);
    return kInitialized == CURLE_OK ? curl_easy_init() : nullptr;
  }
};

template <typename Value>
void set(CURL* easy, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(easy, option, value);
  if (code != CURLE_OK) {
    throw Error(ErrorKind::internal, kOp,
                fmt::format("libcurl refuses option {}: {}", static_cast<int>(option),
                            curl_easy_strerror(code)));
  }
}

/// In the middle of a sentence.
std::string lower_first(std::string text) {
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0) {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  return text;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

}  // namespace

const std::string* HttpHead::find(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const HttpHeader& header) {
    return header.name.size() == name.size() &&
           ::strncasecmp(header.name.data(), name.data(), name.size()) == 0;
  });
  return found == headers.end() ? nullptr : &found->value;
}

class HttpClient::Impl {
 public:
  explicit Impl(HttpOptions options) : options_(std::move(options)) {}

  const HttpOptions& options() const { return options_; }

  std::unique_ptr<Channel> take() {
    {
      const std::scoped_lock lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Channel> channel = std::move(idle_.back());
        idle_.pop_back();
        return channel;
      }
    }
    return std::make_unique<Channel>();
  }

  void give_back(std::unique_ptr<Channel> channel) {
    const std::scoped_lock lock(mutex_);
    idle_.push_back(std::move(channel));
  }

  class Exchange;

 private:
  const HttpOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Channel>> idle_;
};

class HttpClient::Impl::Exchange final : public HttpStream {
 public:
  Exchange(std::shared_ptr<Impl> client, const HttpRequest& request)
      : client_(std::move(client)),
        what_(request.method + ' ' + request.url.substr(0, request.url.find_first_of("?#"))),
        body_(request.body),
        stall_timeout_(request.stall_timeout),
        headers_(header_list(request.headers), curl_slist_free_all),
        channel_(client_->take()) {
    CURL* easy = channel_->easy.get();
    curl_easy_reset(easy);
    set_up_request(request);
    set_up_connection();
    set_up_callbacks();
    curl_multi_add_handle(channel_->multi.get(), easy);
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() override { release(); }

  const HttpHead& head() const override { return head_; }

  void wait_for_head(const Stop& stop) {
    drive(stop, [&] { return has_head_; });
    if (failure_) throw Error(*failure_);
    if (!has_head_) throw failure(ErrorKind::protocol, "the response has no head");
    body_released_ = true;
  }

  std::size_t read(std::span<std::byte> into, const Stop& stop) override {
    if (taken_ == received_.size()) {
      received_.clear();
      taken_ = 0;
      if (std::exchange(paused_, false)) {
        const CURLcode code = curl_easy_pause(channel_->easy.get(), CURLPAUSE_CONT);
        if (code != CURLE_OK) settle(code);
      }
      drive(stop, [&] { return !received_.empty(); });
    }
    // What came before the connection broke is good, and saves a resumed download some way.
    if (received_.empty() && failure_) throw Error(*failure_);
    const std::size_t size = std::min(into.size(), received_.size() - taken_);
    if (size > 0) std::memcpy(into.data(), received_.data() + taken_, size);
    taken_ += size;
    return size;
  }

  Error failure(ErrorKind kind, const std::string& why) const {
    return {kind, kOp, what_ + ": " + why};
  }

 private:
  curl_slist* header_list(const HttpHeaders& headers) const {
    std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> list(
        curl_slist_append(nullptr, "Expect:"), curl_slist_free_all);
    for (const HttpHeader& header : headers) {
      if ((header.name + header.value).find_first_of(std::string_view("\r\n\0", 3)) !=
          std::string::npos) {
        throw failure(ErrorKind::config, "header '" + header.name + "' holds a line break");
      }
      // To libcurl, "Name:" would mean: leave this header out.
      const std::string line =
          header.name + (header.value.empty() ? std::string(";") : ": " + header.value);
      curl_slist* longer = curl_slist_append(list.get(), line.c_str());
      if (longer == nullptr) throw std::bad_alloc();
      list.release();
      list.reset(longer);
    }
    return list.release();
  }

  void set_up_request(const HttpRequest& request) {
    CURL* easy = channel_->easy.get();
    set(easy, CURLOPT_URL, request.url.c_str());
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_PATH_AS_IS, 1L);  // "a/../b" is a key like any other, and is signed so
    set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(easy, CURLOPT_HTTPHEADER, headers_.get());
    set(easy, CURLOPT_USERAGENT, "pgbak/" PGBAK_VERSION);
    if (request.method == "HEAD") {
      set(easy, CURLOPT_NOBODY, 1L);
      return;
    }
    const bool sends = !body_.empty() || request.method == "PUT" || request.method == "POST";
    if (sends) {
      set(easy, CURLOPT_UPLOAD, 1L);
      set(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(body_.size()));
    }
    set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }

  void set_up_connection() {
    CURL* easy = channel_->easy.get();
    const HttpOptions& options = client_->options();
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_QUICK_EXIT, 1L);  // a stop does not wait for a name server
    set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    set(easy, CURLOPT_BUFFERSIZE, static_cast<long>(kBufferBytes));
    set(easy, CURLOPT_UPLOAD_BUFFERSIZE, static_cast<long>(kBufferBytes));
    set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
    set(easy, CURLOPT_SSL_VERIFYPEER, options.verify_tls ? 1L : 0L);
    set(easy, CURLOPT_SSL_VERIFYHOST, options.verify_tls ? 2L : 0L);
    if (!options.ca_file.empty()) {
      set(easy, CURLOPT_CAINFO, options.ca_file.c_str());
      set(easy, CURLOPT_CAPATH, static_cast<char*>(nullptr));  // nobody else is trusted
    }
  }

  void set_up_callbacks() {
    CURL* easy = channel_->easy.get();
    set(easy, CURLOPT_ERRORBUFFER, curl_says_.data());
    set(easy, CURLOPT_HEADERFUNCTION, &Exchange::on_header);
    set(easy, CURLOPT_HEADERDATA, this);
    set(easy, CURLOPT_WRITEFUNCTION, &Exchange::on_body);
    set(easy, CURLOPT_WRITEDATA, this);
    set(easy, CURLOPT_READFUNCTION, &Exchange::on_send);
    set(easy, CURLOPT_READDATA, this);
    set(easy, CURLOPT_SEEKFUNCTION, &Exchange::on_rewind);
    set(easy, CURLOPT_SEEKDATA, this);
  }

  /// No exception may pass through libcurl: `work`'s is kept for drive(), and `aborted` returned.
  template <typename Work>
  std::size_t guarded(std::size_t aborted, Work work) noexcept {
    try {
      return work();
    } catch (...) {
      thrown_ = std::current_exception();
      return aborted;
    }
  }

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) noexcept {
    auto& exchange = *static_cast<Exchange*>(self);
    return exchange.guarded(0, [&] {
      exchange.take_header({data, size});
      return size;
    });
  }

  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) noexcept {
    auto& exchange = *static_cast<Exchange*>(self);
    return exchange.guarded(0, [&] {
      if (!exchange.has_head_) throw exchange.failure(ErrorKind::protocol, "a body without a head");
      // One call of libcurl may read a hundred buffers.
      if (exchange.received_.size() >= kBufferBytes) {
        exchange.paused_ = true;
        return static_cast<std::size_t>(CURL_WRITEFUNC_PAUSE);
      }
      exchange.received_.append(data, size);
      return size;
    });
  }

  static std::size_t on_send(char* into, std::size_t, std::size_t size, void* self) noexcept {
    auto& exchange = *static_cast<Exchange*>(self);
    return exchange.guarded(CURL_READFUNC_ABORT, [&] { return exchange.give_body({into, size}); });
  }

  /// libcurl sends the body again when a connection that it kept turns out to be dead.
  static int on_rewind(void* self, curl_off_t offset, int origin) noexcept {
    auto& exchange = *static_cast<Exchange*>(self);
    if (origin != SEEK_SET || exchange.body_released_) return CURL_SEEKFUNC_FAIL;
    exchange.sent_ = static_cast<std::size_t>(offset);
    return CURL_SEEKFUNC_OK;
  }

  void take_header(std::string_view line) {
    ++header_lines_;
    if (has_head_) return;  // a trailer
    if (line.substr(0, 5) == "HTTP/") {
      head_ = {};
      const std::size_t space = std::min(line.find(' '), line.size() - 1);
      std::from_chars(line.data() + space + 1, line.data() + line.size(), head_.status);
      return;
    }
    if (trimmed(line).empty()) {
      has_head_ = head_.status >= 200;  // else it is an interim one
      return;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    head_.headers.push_back({std::string(trimmed(line.substr(0, colon))),
                             std::string(trimmed(line.substr(colon + 1)))});
  }

  std::size_t give_body(std::span<char> into) {
    const std::size_t size = std::min(into.size(), body_.size() - sent_);
    if (size > 0 && body_released_) {
      throw failure(ErrorKind::protocol, fmt::format("the server answered {} before it had taken "
                                                     "the request",
                                                     head_.status));
    }
    if (size > 0) std::memcpy(into.data(), body_.data() + sent_, size);
    sent_ += size;
    return size;
  }

  /// Moves bytes until `ready` or until the exchange has ended, well or by failure_.
  template <typename Ready>
  void drive(const Stop& stop, Ready ready) {
    // Time that the caller spent elsewhere is no stall.
    SteadyClock::time_point moved_at = SteadyClock::now();
    auto moved = progress();
    while (channel_ && !ready()) {
      stop.check(kOp);
      int running = 0;
      check(curl_multi_perform(channel_->multi.get(), &running));
      take_result();
      if (!channel_ || ready()) return;
      const SteadyClock::time_point now = SteadyClock::now();
      if (const auto moved_now = progress(); moved_now != moved) {
        moved = moved_now;
        moved_at = now;
      }
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(moved_at + stall_timeout_ - now);
      if (left.count() <= 0) {
        const double seconds = std::chrono::duration<double>(stall_timeout_).count();
        throw failure(ErrorKind::timeout, "not a byte came or went for " + human_seconds(seconds))
            .retryable();
      }
      curl_waitfd stopped{stop.fd(), CURL_WAIT_POLLIN, 0};
      const auto wait_ms = static_cast<int>(std::min<std::int64_t>(left.count(), 60'000));
      check(curl_multi_poll(channel_->multi.get(), &stopped, 1, wait_ms, nullptr));
    }
  }

  /// Grows with every byte that goes or comes. libcurl takes the body in large pieces, so what it
  /// has asked for says nothing about a slow network.
  std::array<std::uint64_t, 3> progress() const {
    curl_off_t uploaded = 0;
    if (channel_) curl_easy_getinfo(channel_->easy.get(), CURLINFO_SIZE_UPLOAD_T, &uploaded);
    return {static_cast<std::uint64_t>(uploaded), header_lines_, received_.size()};
  }

  void check(CURLMcode code) const {
    if (code != CURLM_OK) throw failure(ErrorKind::internal, curl_multi_strerror(code));
  }

  void take_result() {
    int left = 0;
    if (const CURLMsg* message = curl_multi_info_read(channel_->multi.get(), &left)) {
      settle(message->data.result);  // CURLMSG_DONE is the only message there is
    }
  }

  /// The end of the exchange.
  void settle(CURLcode code) {
    release();
    if (const std::exception_ptr thrown = std::exchange(thrown_, nullptr)) {
      try {
        std::rethrow_exception(thrown);
      } catch (...) {
        failure_ = current_error();
      }
    } else if (code != CURLE_OK) {
      failure_ = translate(code);
    }
  }

  /// Closes the connection when the exchange has not ended; else the channel keeps it.
  void release() {
    if (!channel_) return;
    curl_multi_remove_handle(channel_->multi.get(), channel_->easy.get());
    curl_easy_reset(channel_->easy.get());
    client_->give_back(std::move(channel_));
  }

  Error translate(CURLcode code) const {
    const std::string why =
        lower_first(curl_says_[0] != '\0' ? curl_says_.data() : curl_easy_strerror(code));
    switch (code) {
      case CURLE_COULDNT_RESOLVE_HOST:
      case CURLE_COULDNT_RESOLVE_PROXY:
      case CURLE_COULDNT_CONNECT:
      case CURLE_PROXY:
      case CURLE_OPERATION_TIMEDOUT:  // connect_timeout; a stall is noticed by drive()
        return failure(ErrorKind::unavailable, why).hint(kEndpointHint).retryable();
      case CURLE_GOT_NOTHING:
      case CURLE_PARTIAL_FILE:
      case CURLE_RECV_ERROR:
      case CURLE_SEND_ERROR:
        return failure(ErrorKind::unavailable, why).retryable();
      case CURLE_SSL_CONNECT_ERROR:
        if (why.find("wrong version number") != std::string::npos) {
          return failure(ErrorKind::protocol, why)
              .hint("does the endpoint speak TLS? else use http");
        }
        return failure(ErrorKind::unavailable, why).hint(kEndpointHint).retryable();
      case CURLE_PEER_FAILED_VERIFICATION:
      case CURLE_SSL_ISSUER_ERROR:
        return failure(ErrorKind::protocol, why)
            .hint(
                "name the certificate of the authority that you trust with ca_file; "
                "verify_tls = false trusts anybody");
      case CURLE_SSL_CACERT_BADFILE:
        return failure(ErrorKind::config, "no certificates can be read from ca_file '" +
                                              client_->options().ca_file + "'");
      case CURLE_URL_MALFORMAT:
        return failure(ErrorKind::config, why);
      default:
        return failure(ErrorKind::protocol, why);
    }
  }

  const std::shared_ptr<Impl> client_;
  const std::string what_;  // method and URL without its query, which may hold a signature
  const Bytes body_;
  const std::chrono::milliseconds stall_timeout_;
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers_;
  std::array<char, CURL_ERROR_SIZE> curl_says_{};

  std::size_t sent_ = 0;
  bool body_released_ = false;  // body_ may point nowhere from now on
  HttpHead head_;
  bool has_head_ = false;
  std::uint64_t header_lines_ = 0;
  std::string received_;   // of the body …
  std::size_t taken_ = 0;  // … and how much of that read() has given
  bool paused_ = false;    // by on_body()
  std::exception_ptr thrown_;
  std::optional<Error> failure_;
  std::unique_ptr<Channel> channel_;  // until the exchange has ended
};

HttpClient::HttpClient(HttpOptions options) : impl_(std::make_shared<Impl>(std::move(options))) {}

HttpClient::~HttpClient() = default;

std::unique_ptr<HttpStream> HttpClient::open(const HttpRequest& request, const Stop& stop) {
  auto exchange = std::make_unique<Impl::Exchange>(impl_, request);
  exchange->wait_for_head(stop);
  return exchange;
}

HttpResponse HttpClient::send(const HttpRequest& request, const Stop& stop,
                              std::size_t limit_bytes) {
  Impl::Exchange exchange(impl_, request);
  exchange.wait_for_head(stop);
  HttpResponse response;
  static_cast<HttpHead&>(response) = exchange.head();
  std::array<std::byte, 16U << 10U> chunk;
  while (const std::size_t size = exchange.read(chunk, stop)) {
    if (size > limit_bytes - response.body.size()) {
      throw exchange.failure(ErrorKind::protocol,
                             "the response is longer than " + human_bytes(limit_bytes));
    }
    response.body.append(reinterpret_cast<const char*>(chunk.data()), size);
  }
  return response;
}

}  // namespace pgbak
