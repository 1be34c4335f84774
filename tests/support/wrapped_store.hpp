// A store that passes every call on; tests override what shall differ.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/store/store.hpp"

class WrappedStore : public pgbak::Store {
 public:
  explicit WrappedStore(std::shared_ptr<pgbak::Store> below) : below_(std::move(below)) {}

  std::string url() const override { return below_->url(); }
  std::unique_ptr<pgbak::Sink> writer(const std::string& key,
                                      const pgbak::WriteOptions& options) override {
    return below_->writer(key, options);
  }
  std::unique_ptr<pgbak::Source> reader(const std::string& key) override {
    return below_->reader(key);
  }
  std::optional<pgbak::ObjectInfo> head(const std::string& key) override {
    return below_->head(key);
  }
  std::vector<pgbak::ObjectInfo> list(const std::string& prefix) override {
    return below_->list(prefix);
  }
  bool remove(const std::string& key) override { return below_->remove(key); }
  std::size_t sweep() override { return below_->sweep(); }
  std::vector<pgbak::Unfinished> unfinished() override { return below_->unfinished(); }
  void discard(const pgbak::Unfinished& what) override { below_->discard(what); }
  bool marked(const std::string& key) override { return below_->marked(key); }

 protected:
  std::shared_ptr<pgbak::Store> below_;
};
