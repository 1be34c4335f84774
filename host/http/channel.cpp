#include "host/http/channel.hpp"

#include <new>
#include <utility>

namespace pgbak {
namespace {

CURL* make_easy() {
  static const CURLcode kInitialized = curl_global_init(CURL_GLOBAL_DEFAULT);
  return kInitialized == CURLE_OK ? curl_easy_init() : nullptr;
}

}  // namespace

Channel::Channel() : multi(nullptr, curl_multi_cleanup), easy(make_easy(), curl_easy_cleanup) {
  if (easy) multi.reset(curl_multi_init());
  if (!multi) throw std::bad_alloc();
}

ChannelPool::ChannelPool(HttpOptions options) : options_(std::move(options)) {}

std::unique_ptr<Channel> ChannelPool::take() {
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

void ChannelPool::give_back(std::unique_ptr<Channel> channel) {
  const std::scoped_lock lock(mutex_);
  idle_.push_back(std::move(channel));
}

}  // namespace pgbak
