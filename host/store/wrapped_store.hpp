// A store that passes every call on, for stores that differ from another in a few.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/store/store.hpp"

namespace pgbak {

/// Overrides decide what differs; the rest is `below`.
class WrappedStore : public Store {
 public:
  explicit WrappedStore(std::shared_ptr<Store> below) : below_(std::move(below)) {}

  std::string url() const override { return below_->url(); }
  std::unique_ptr<Sink> writer(const std::string& key, const WriteOptions& options) override {
    return below_->writer(key, options);
  }
  std::unique_ptr<Source> reader(const std::string& key) override { return below_->reader(key); }
  std::optional<ObjectInfo> head(const std::string& key) override { return below_->head(key); }
  std::vector<ObjectInfo> list(const std::string& prefix) override { return below_->list(prefix); }
  bool remove(const std::string& key) override { return below_->remove(key); }
  std::size_t sweep() override { return below_->sweep(); }
  std::vector<Unfinished> unfinished() override { return below_->unfinished(); }
  void discard(const Unfinished& what) override { below_->discard(what); }
  bool marked(const std::string& key) override { return below_->marked(key); }

 protected:
  std::shared_ptr<Store> below_;
};

}  // namespace pgbak
