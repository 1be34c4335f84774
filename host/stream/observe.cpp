// Filters that let every byte pass: SHA-256 by OpenSSL, a counter, a rate limit.
#include "host/stream/observe.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <new>

#include "host/base/clock.hpp"
#include "host/base/error.hpp"

namespace pgbak {
namespace {

constexpr const char* kDigestOp = "digest.sha256";
constexpr const char* kRateOp = "stream.rate_limit";

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    if (!context_) throw std::bad_alloc();
    check(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
  }
  void update(Bytes in) { check(EVP_DigestUpdate(context_.get(), in.data(), in.size())); }
  std::string hex() {
    std::array<unsigned char, 32> digest{};
    check(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr));
    std::string text;
    for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
    return text;
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* used) const { EVP_MD_CTX_free(used); }
  };
  static void check(int status) {
    if (status != 1) throw Error(ErrorKind::internal, kDigestOp, "openssl refused a sha256");
  }
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

class Sha256Filter final : public Filter {
 public:
  /// An empty `expected` is not compared.
  explicit Sha256Filter(std::string expected) : expected_(std::move(expected)) {}

  void write(Bytes in, const Downstream& out) override {
    digest_.update(in);
    out.emit(in);
  }
  void finish(const Downstream&) override {
    result_ = digest_.hex();
    if (expected_.empty() || result_ == expected_) return;
    throw Error(ErrorKind::corrupt, kDigestOp,
                fmt::format("sha256 of the data is {} instead of {}", result_, expected_));
  }
  std::string name() const override { return "sha256"; }
  std::string result() const override { return result_; }

 private:
  const std::string expected_;
  Sha256 digest_;
  std::string result_;
};

class CountFilter final : public Filter {
 public:
  void write(Bytes in, const Downstream& out) override {
    count_ += in.size();
    out.emit(in);
  }
  void finish(const Downstream&) override {}
  std::string name() const override { return "count"; }
  std::string result() const override { return std::to_string(count_); }

 private:
  std::uint64_t count_ = 0;
};

class RateLimitFilter final : public Filter {
 public:
  explicit RateLimitFilter(std::uint64_t bytes_per_second)
      : rate_(static_cast<double>(bytes_per_second)), burst_(std::max(1.0, rate_ / 10)) {}

  void write(Bytes in, const Downstream& out) override {
    while (!in.empty()) {
      const double want = std::min(burst_, static_cast<double>(in.size()));
      wait_for(want, out.stop);
      const std::size_t some = static_cast<std::size_t>(want);
      tokens_ -= static_cast<double>(some);
      out.emit(in.first(some));
      in = in.subspan(some);
    }
  }
  void finish(const Downstream&) override {}
  std::string name() const override { return "rate_limit"; }

 private:
  /// Blocks until `want` tokens, each worth a byte, are there.
  void wait_for(double want, const Stop& stop) {
    for (;;) {
      stop.check(kRateOp);
      const SteadyClock::time_point now = SteadyClock::now();
      tokens_ =
          std::min(burst_, tokens_ + std::chrono::duration<double>(now - at_).count() * rate_);
      at_ = now;
      if (tokens_ >= want) return;
      const double wait_ms = std::ceil((want - tokens_) / rate_ * 1000);
      pollfd fd{stop.fd(), POLLIN, 0};
      ::poll(&fd, 1, static_cast<int>(wait_ms));  // at most a second: a burst is 0.1 s or one byte
    }
  }

  const double rate_, burst_;
  double tokens_ = 0;
  SteadyClock::time_point at_ = SteadyClock::now();
};

}  // namespace

std::unique_ptr<Filter> sha256_filter() { return std::make_unique<Sha256Filter>(""); }

std::unique_ptr<Filter> sha256_check_filter(std::string expected) {
  // Also keeps an empty text from a manifest from passing for "nothing to compare".
  if (expected.size() != 64 || expected.find_first_not_of("0123456789abcdef") != expected.npos) {
    throw Error(ErrorKind::corrupt, kDigestOp,
                fmt::format("'{}' is not a sha256: 64 lower case hex digits", expected));
  }
  return std::make_unique<Sha256Filter>(std::move(expected));
}

std::unique_ptr<Filter> count_filter() { return std::make_unique<CountFilter>(); }

std::unique_ptr<Filter> rate_limit_filter(std::uint64_t bytes_per_second) {
  if (bytes_per_second == 0) {
    throw Error(ErrorKind::config, kRateOp, "a rate limit of 0 bytes per second lets nothing pass");
  }
  return std::make_unique<RateLimitFilter>(bytes_per_second);
}

std::string sha256_hex(std::string_view text) {
  Sha256 digest;
  digest.update(std::as_bytes(std::span(text)));
  return digest.hex();
}

}  // namespace pgbak
