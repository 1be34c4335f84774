// A store whose n-th call fails. Calls of the store, its sinks and its sources are counted
// together; a failing write() has passed on half of its bytes, as a full disk or a lost connection
// would.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "host/base/error.hpp"
#include "host/store/store.hpp"

/// Counts calls and says which one fails. Thread-safe.
class Faults {
 public:
  /// Call number `nth` from now (1 is the next) fails; 0: none does.
  void arm(int nth) { left_ = nth; }
  /// Whether the armed fault is still to come.
  bool armed() const { return left_ > 0; }
  bool due() { return left_ > 0 && --left_ == 0; }
  void strike() {
    if (due()) throw pgbak::Error(pgbak::ErrorKind::io, "fault", "injected fault");
  }

 private:
  std::atomic<int> left_{0};
};

class FaultySink final : public pgbak::Sink {
 public:
  FaultySink(std::unique_ptr<pgbak::Sink> below, std::shared_ptr<Faults> faults)
      : below_(std::move(below)), faults_(std::move(faults)) {}

  void write(pgbak::Bytes in, const pgbak::Stop& stop) override {
    if (faults_->due()) {
      below_->write(in.first(in.size() / 2), stop);
      throw pgbak::Error(pgbak::ErrorKind::io, "fault", "injected fault");
    }
    below_->write(in, stop);
  }
  void commit(const pgbak::Stop& stop) override {
    faults_->strike();
    below_->commit(stop);
  }
  void abort() noexcept override { below_->abort(); }
  std::string name() const override { return below_->name(); }

 private:
  std::unique_ptr<pgbak::Sink> below_;
  std::shared_ptr<Faults> faults_;
};

class FaultySource final : public pgbak::Source {
 public:
  FaultySource(std::unique_ptr<pgbak::Source> below, std::shared_ptr<Faults> faults)
      : below_(std::move(below)), faults_(std::move(faults)) {}

  std::size_t read(std::span<std::byte> into, const pgbak::Stop& stop) override {
    faults_->strike();
    return below_->read(into, stop);
  }
  void finish(const pgbak::Stop& stop) override {
    faults_->strike();
    below_->finish(stop);
  }
  std::string name() const override { return below_->name(); }

 private:
  std::unique_ptr<pgbak::Source> below_;
  std::shared_ptr<Faults> faults_;
};

class FaultyStore final : public pgbak::Store {
 public:
  FaultyStore(std::shared_ptr<pgbak::Store> below, std::shared_ptr<Faults> faults)
      : below_(std::move(below)), faults_(std::move(faults)) {}

  std::string url() const override { return below_->url(); }
  std::unique_ptr<pgbak::Sink> writer(const std::string& key,
                                      const pgbak::WriteOptions& options) override {
    faults_->strike();
    return std::make_unique<FaultySink>(below_->writer(key, options), faults_);
  }
  std::unique_ptr<pgbak::Source> reader(const std::string& key) override {
    faults_->strike();
    return std::make_unique<FaultySource>(below_->reader(key), faults_);
  }
  std::optional<pgbak::ObjectInfo> head(const std::string& key) override {
    faults_->strike();
    return below_->head(key);
  }
  std::vector<pgbak::ObjectInfo> list(const std::string& prefix) override {
    faults_->strike();
    return below_->list(prefix);
  }
  bool remove(const std::string& key) override {
    faults_->strike();
    return below_->remove(key);
  }
  std::size_t sweep() override {
    faults_->strike();
    return below_->sweep();
  }
  std::vector<pgbak::Unfinished> unfinished() override {
    faults_->strike();
    return below_->unfinished();
  }
  void discard(const pgbak::Unfinished& what) override {
    faults_->strike();
    below_->discard(what);
  }
  bool marked(const std::string& key) override {
    faults_->strike();
    return below_->marked(key);
  }

 private:
  std::shared_ptr<pgbak::Store> below_;
  std::shared_ptr<Faults> faults_;
};
