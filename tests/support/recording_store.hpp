// A store that notes the order in which it was asked, and refuses what concerns one key.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/base/error.hpp"
#include "host/store/wrapped_store.hpp"

class RecordingStore final : public pgbak::WrappedStore {
 public:
  using WrappedStore::WrappedStore;

  std::vector<std::string> calls;  ///< "head a", "commit a", "remove a", "list"
  std::string refuse;              ///< commit and remove of this key fail, or "list"
  std::function<void(const std::string& call)> before;  ///< sees each of the calls first

  std::unique_ptr<pgbak::Sink> writer(const std::string& key,
                                      const pgbak::WriteOptions& options) override {
    return std::make_unique<NotingSink>(*this, key, below_->writer(key, options));
  }
  std::optional<pgbak::ObjectInfo> head(const std::string& key) override {
    note("head " + key, "");
    return below_->head(key);
  }
  std::vector<pgbak::ObjectInfo> list(const std::string& prefix) override {
    note("list", "list");
    return below_->list(prefix);
  }
  bool remove(const std::string& key) override {
    note("remove " + key, key);
    return below_->remove(key);
  }

 private:
  class NotingSink final : public pgbak::Sink {
   public:
    NotingSink(RecordingStore& store, std::string key, std::unique_ptr<pgbak::Sink> below)
        : store_(store), key_(std::move(key)), below_(std::move(below)) {}
    void write(pgbak::Bytes in, const pgbak::Stop& stop) override { below_->write(in, stop); }
    void commit(const pgbak::Stop& stop) override {
      store_.note("commit " + key_, key_);
      below_->commit(stop);
    }
    void abort() noexcept override { below_->abort(); }
    std::string name() const override { return below_->name(); }

   private:
    RecordingStore& store_;
    std::string key_;
    std::unique_ptr<pgbak::Sink> below_;
  };

  void note(const std::string& call, const std::string& subject) {
    calls.push_back(call);
    if (before) before(call);
    if (!subject.empty() && subject == refuse) {
      throw pgbak::Error(pgbak::ErrorKind::io, "test", "refused " + subject);
    }
  }
};
