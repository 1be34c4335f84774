#include "host/http/exchange.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>
#include <new>
#include <utility>

#include "host/base/text.hpp"
#include "host/base/units.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "http.request";
constexpr std::size_t kBufferBytes = 256U << 10U;
constexpr const char* kEndpointHint = "check the endpoint and the network";

template <typename Value>
void set(CURL* easy, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(easy, option, value);
  if (code != CURLE_OK) {
    throw Error(ErrorKind::internal, kOp,
                fmt::format("libcurl refuses option {}: {}", static_cast<int>(option),
                            curl_easy_strerror(code)));
  }
}

/// For the middle of a sentence.
std::string lower_first(std::string text) {
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0) {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  return text;
}

std::string human(std::chrono::milliseconds time) {
  return human_seconds(std::chrono::duration<double>(time).count());
}

}  // namespace

Exchange::Exchange(std::shared_ptr<ChannelPool> channels, const HttpRequest& request)
    : channels_(std::move(channels)),
      what_(request.method + ' ' + shown_url(request.url)),
      body_(request.body),
      stall_timeout_(request.stall_timeout) {
  add_header({"Expect", {}});
  for (const HttpHeader& header : request.headers) add_header(header);
  channel_ = channels_->take();
  set_up_request(request);
  set_up_connection();
  set_up_callbacks();
  check(curl_multi_add_handle(channel_->multi.get(), channel_->easy.get()));
}

Exchange::~Exchange() { release(false); }

void Exchange::wait_for_head(const Stop& stop) {
  drive(stop, [&] { return has_head_; });
  body_released_ = true;
  if (failure_ && !has_head_) throw Error(*failure_);
  if (!has_head_) {  // which libcurl does not mind
    throw failure(ErrorKind::unavailable, "the connection ended in the response's head")
        .retryable();
  }
}

std::size_t Exchange::read(std::span<std::byte> into, const Stop& stop) {
  if (taken_ == received_.size()) {
    received_.clear();
    taken_ = 0;
    if (std::exchange(paused_, false)) {
      const CURLcode code = curl_easy_pause(channel_->easy.get(), CURLPAUSE_CONT);
      if (code != CURLE_OK) settle(code);
    }
    drive(stop, [&] { return !received_.empty(); });
  }
  // What came before the connection broke is good: a download resumes behind it.
  if (received_.empty() && failure_) throw Error(*failure_);
  const std::size_t size = std::min(into.size(), received_.size() - taken_);
  if (size > 0) std::memcpy(into.data(), received_.data() + taken_, size);
  taken_ += size;
  return size;
}

Error Exchange::failure(ErrorKind kind, const std::string& why) const {
  return {kind, kOp, what_ + ": " + why};
}

void Exchange::add_header(const HttpHeader& header) {
  for (const std::string& text : {header.name, header.value}) {
    if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      throw failure(ErrorKind::config, "header '" + header.name + "' holds a line break");
    }
  }
  // To libcurl, "Name:" means to leave out its own header, "Name;" an empty one.
  std::string line = header.name + ": " + header.value;
  if (header.value.empty()) line = header.name + (header.name == "Expect" ? ":" : ";");
  curl_slist* first = curl_slist_append(headers_.get(), line.c_str());
  if (first == nullptr) throw std::bad_alloc();
  if (!headers_) headers_.reset(first);
}

void Exchange::set_up_request(const HttpRequest& request) {
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
  if (!body_.empty() || request.method == "PUT" || request.method == "POST") {
    set(easy, CURLOPT_UPLOAD, 1L);
    set(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(body_.size()));
  }
  set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void Exchange::set_up_connection() {
  CURL* easy = channel_->easy.get();
  const HttpOptions& options = channels_->options();
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_QUICK_EXIT, 1L);  // a stop does not wait for a name server
  set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy, CURLOPT_BUFFERSIZE, static_cast<long>(kBufferBytes));
  set(easy, CURLOPT_UPLOAD_BUFFERSIZE, static_cast<long>(kBufferBytes));
  set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  if (options.direct) set(easy, CURLOPT_PROXY, "");
  set(easy, CURLOPT_SSL_VERIFYPEER, options.verify_tls ? 1L : 0L);
  set(easy, CURLOPT_SSL_VERIFYHOST, options.verify_tls ? 2L : 0L);
  if (!options.ca_file.empty()) {
    set(easy, CURLOPT_CAINFO, options.ca_file.c_str());
    set(easy, CURLOPT_CAPATH, static_cast<char*>(nullptr));  // nobody else is trusted
  }
}

void Exchange::set_up_callbacks() {
  CURL* easy = channel_->easy.get();
  set(easy, CURLOPT_ERRORBUFFER, curl_says_.data());
  set(easy, CURLOPT_HEADERFUNCTION, &Exchange::on_header);
  set(easy, CURLOPT_HEADERDATA, this);
  set(easy, CURLOPT_WRITEFUNCTION, &Exchange::on_body);
  set(easy, CURLOPT_WRITEDATA, this);
  set(easy, CURLOPT_READFUNCTION, &Exchange::on_send);
  set(easy, CURLOPT_READDATA, this);
  set(easy, CURLOPT_SOCKOPTFUNCTION, &Exchange::on_socket);
  set(easy, CURLOPT_SOCKOPTDATA, channel_.get());
  set(easy, CURLOPT_SEEKFUNCTION, &Exchange::on_rewind);
  set(easy, CURLOPT_SEEKDATA, this);
}

/// No exception may pass through libcurl: `work`'s is kept for settle(), and `aborted` returned.
template <typename Work>
std::size_t Exchange::guarded(std::size_t aborted, Work work) noexcept {
  try {
    return work();
  } catch (...) {
    thrown_ = std::current_exception();
    return aborted;
  }
}

std::size_t Exchange::on_header(char* data, std::size_t, std::size_t size, void* self) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  return exchange.guarded(0, [&] {
    exchange.take_header({data, size});
    return size;
  });
}

std::size_t Exchange::on_body(char* data, std::size_t, std::size_t size, void* self) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  return exchange.guarded(0, [&] { return exchange.take_body({data, size}); });
}

std::size_t Exchange::on_send(char* into, std::size_t, std::size_t size, void* self) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  return exchange.guarded(CURL_READFUNC_ABORT, [&] { return exchange.give_body({into, size}); });
}

int Exchange::on_socket(void* channel, curl_socket_t socket, curlsocktype) noexcept {
  static_cast<Channel*>(channel)->socket = socket;
  return CURL_SOCKOPT_OK;
}

/// libcurl sends the body again when a connection that it kept turns out to be dead.
int Exchange::on_rewind(void* self, curl_off_t offset, int origin) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  if (origin != SEEK_SET || exchange.body_released_) return CURL_SEEKFUNC_FAIL;
  exchange.sent_ = static_cast<std::size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

void Exchange::take_header(std::string_view line) {
  ++header_lines_;
  if (has_head_) return;  // a trailer
  if (line.substr(0, 5) == "HTTP/") {
    head_ = {};
    const std::size_t space = std::min(line.find(' '), line.size() - 1);
    std::from_chars(line.data() + space + 1, line.data() + line.size(), head_.status);
    return;
  }
  if (trim(line).empty()) {
    has_head_ = head_.status >= 200;  // else it is an interim one
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  head_.headers.push_back(
      {std::string(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1)))});
}

std::size_t Exchange::take_body(std::string_view bytes) {
  if (!has_head_) throw failure(ErrorKind::protocol, "the response has no head");
  // One call of libcurl reads up to a hundred buffers, which would all be kept here.
  if (received_.size() >= kBufferBytes) {
    paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  received_ += bytes;
  return bytes.size();
}

std::size_t Exchange::give_body(std::span<char> into) {
  const std::size_t size = std::min(into.size(), body_.size() - sent_);
  if (size > 0 && body_released_) {
    throw failure(ErrorKind::protocol,
                  fmt::format("status {} came before the request was sent", head_.status));
  }
  if (size > 0) std::memcpy(into.data(), body_.data() + sent_, size);
  sent_ += size;
  return size;
}

/// Moves bytes until `ready` or until the exchange has ended.
template <typename Ready>
void Exchange::drive(const Stop& stop, Ready ready) {
  // From now: time that the caller spent elsewhere is no stall.
  SteadyClock::time_point moved_at = SteadyClock::now();
  auto moved = progress();
  while (channel_ && !ready()) {
    stop.check(kOp);
    int left = 0;
    check(curl_multi_perform(channel_->multi.get(), &left));
    if (const CURLMsg* message = curl_multi_info_read(channel_->multi.get(), &left)) {
      settle(message->data.result);  // CURLMSG_DONE is the only message there is
    }
    if (!channel_ || ready()) return;
    const SteadyClock::time_point now = SteadyClock::now();
    if (const auto moved_now = progress(); moved_now != moved) {
      moved = moved_now;
      moved_at = now;
    }
    const SteadyClock::time_point due = response_due(now);
    if (now >= due) {
      throw failure(ErrorKind::timeout, "the response did not end in " + human(*response_timeout_))
          .retryable();
    }
    if (now >= moved_at + stall_timeout_) {
      throw failure(ErrorKind::timeout, "not a byte came or went for " + human(stall_timeout_))
          .retryable();
    }
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(
        std::min(moved_at + stall_timeout_, due) - now);
    acknowledge_at_once();
    curl_waitfd stopped{stop.fd(), CURL_WAIT_POLLIN, 0};
    const auto wait_ms = static_cast<int>(std::min<std::int64_t>(rest.count(), 60'000));
    check(curl_multi_poll(channel_->multi.get(), &stopped, 1, wait_ms, nullptr));
  }
}

/// A server that sends head and body apart with Nagle's algorithm on, as Ceph's gateway does, waits
/// for the acknowledgement of the head, which the kernel delays by 40 ms. tcp(7): not permanent.
void Exchange::acknowledge_at_once() const {
  const int on = 1;
  if (channel_->socket != CURL_SOCKET_BAD) {
    ::setsockopt(channel_->socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
  }
}

/// When the whole response has to be here.
SteadyClock::time_point Exchange::response_due(SteadyClock::time_point now) {
  if (!has_head_ && sent_ < body_.size()) sent_at_ = now;
  return response_timeout_ ? sent_at_ + *response_timeout_ : SteadyClock::time_point::max();
}

/// Changes with every byte that goes or comes. libcurl asks for the body in large pieces, so what
/// it was given says nothing about a slow network.
std::array<std::uint64_t, 3> Exchange::progress() const {
  curl_off_t uploaded = 0;
  if (channel_) curl_easy_getinfo(channel_->easy.get(), CURLINFO_SIZE_UPLOAD_T, &uploaded);
  return {static_cast<std::uint64_t>(uploaded), header_lines_, received_.size()};
}

void Exchange::check(CURLMcode code) const {
  if (code != CURLM_OK) throw failure(ErrorKind::internal, curl_multi_strerror(code));
}

/// The end of the exchange.
void Exchange::settle(CURLcode code) {
  release(code == CURLE_OK);
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

/// Ends the use of the channel. After a good end it goes back with its connection; else it is
/// closed, since libcurl refuses options to a handle that failed while it looked up a name.
void Exchange::release(bool ended_well) {
  if (!channel_) return;
  curl_multi_remove_handle(channel_->multi.get(), channel_->easy.get());
  curl_easy_reset(channel_->easy.get());  // it points into this exchange
  if (ended_well) channels_->give_back(std::move(channel_));
  channel_.reset();
}

Error Exchange::translate(CURLcode code) const {
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
        return failure(ErrorKind::protocol, why).hint("the endpoint may speak http, not https");
      }
      return failure(ErrorKind::unavailable, why).hint(kEndpointHint).retryable();
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return failure(ErrorKind::protocol, why)
          .hint(
              "give the certificate of the authority that you trust as ca_file; "
              "verify_tls = false would trust anybody");
    case CURLE_SSL_CACERT_BADFILE:
      return failure(ErrorKind::config, "no certificates can be read from ca_file '" +
                                            channels_->options().ca_file + "'");
    case CURLE_UNSUPPORTED_PROTOCOL:  // of the URL, or of a response without a status line
      if (what_.find(" http") != std::string::npos) return failure(ErrorKind::protocol, why);
      [[fallthrough]];
    case CURLE_URL_MALFORMAT:
      return failure(ErrorKind::config, why);
    default:
      return failure(ErrorKind::protocol, why);
  }
}

}  // namespace pgbak
