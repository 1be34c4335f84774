// A store that notes the order in which it was asked, and refuses what concerns one key.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/base/error.hpp"
#include "host/store/store.hpp"

class RecordingStore final : public pgbak::Store {
 public:
  explicit RecordingStore(std::shared_ptr<pgbak::Store> below) : below_(std::move(below)) {}

  std::vector<std::string> calls;  ///< "head a", "commit a", "remove a", "list"
  std::string refuse;              ///< commit and remove of this key fail, or "list"

  std::string url() const override { return below_->url(); }
  std::unique_ptr<pgbak::Sink> writer(const std::string& key,
                                      const pgbak::WriteOptions& options) override {
    return std::make_unique<NotingSink>(*this, key, below_->writer(key, options));
  }
  std::unique_ptr<pgbak::Source> reader(const std::string& key) override {
    return below_->reader(key);
  }
  std::optional<pgbak::ObjectInfo> head(const std::string& key) override {
    calls.push_back("head " + key);
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
  std::size_t sweep() override { return below_->sweep(); }
  std::vector<pgbak::Unfinished> unfinished() override { return below_->unfinished(); }
  void discard(const pgbak::Unfinished& what) override { below_->discard(what); }
  bool marked(const std::string& key) override { return below_->marked(key); }

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
    if (subject == refuse) {
      throw pgbak::Error(pgbak::ErrorKind::io, "test", "refused " + subject);
    }
  }

  std::shared_ptr<pgbak::Store> below_;
};
