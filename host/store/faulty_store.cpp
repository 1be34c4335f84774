#include "host/store/faulty_store.hpp"

#include <functional>
#include <utility>
#include <vector>

#include "host/store/wrapped_store.hpp"

namespace pgbak {
namespace {

class FaultySink final : public Sink {
 public:
  FaultySink(std::unique_ptr<Sink> below, const Error& error)
      : below_(std::move(below)), fail_([error] { throw error; }) {}

  void write(Bytes in, const Stop& stop) override {
    below_->write(in.first(in.size() / 2), stop);
    fail_();
  }
  void commit(const Stop& /*stop*/) override { fail_(); }
  void abort() noexcept override { below_->abort(); }
  std::string name() const override { return below_->name(); }

 private:
  std::unique_ptr<Sink> below_;
  std::function<void()> fail_;
};

class FaultyStore final : public WrappedStore {
 public:
  FaultyStore(std::shared_ptr<Store> below, std::shared_ptr<Faults> faults)
      : WrappedStore(std::move(below)), faults_(std::move(faults)) {}

  std::unique_ptr<Sink> writer(const std::string& key, const WriteOptions& options) override {
    auto sink = WrappedStore::writer(key, options);
    const auto error = faults_->next(StoreOperation::write, named(key));
    if (!error) return sink;
    return std::make_unique<FaultySink>(std::move(sink), *error);
  }
  std::unique_ptr<Source> reader(const std::string& key) override {
    strike(StoreOperation::read, named(key));
    return WrappedStore::reader(key);
  }
  std::optional<ObjectInfo> head(const std::string& key) override {
    strike(StoreOperation::list, named(key));
    return WrappedStore::head(key);
  }
  std::vector<ObjectInfo> list(const std::string& prefix) override {
    strike(StoreOperation::list, url());
    return WrappedStore::list(prefix);
  }
  bool remove(const std::string& key) override {
    strike(StoreOperation::remove, named(key));
    return WrappedStore::remove(key);
  }

 private:
  std::string named(const std::string& key) const { return "'" + key + "' in " + url(); }
  void strike(StoreOperation operation, const std::string& object) {
    if (const auto error = faults_->next(operation, object)) throw *error;
  }

  std::shared_ptr<Faults> faults_;
};

}  // namespace

std::string_view to_string(StoreOperation operation) {
  static constexpr std::array<std::string_view, 4> kNames{"write", "read", "list", "remove"};
  return kNames.at(static_cast<std::size_t>(operation));
}

void Faults::fail(StoreOperation operation, int nth, ErrorKind kind) {
  const std::scoped_lock lock(mutex_);
  plans_.at(static_cast<std::size_t>(operation)) = Plan{nth, nth, kind};
}

void Faults::mend() {
  const std::scoped_lock lock(mutex_);
  plans_ = {};
}

std::optional<Error> Faults::next(StoreOperation operation, const std::string& object) {
  const std::scoped_lock lock(mutex_);
  std::optional<Plan>& plan = plans_.at(static_cast<std::size_t>(operation));
  if (!plan) return std::nullopt;
  if (plan->nth > 0 && --plan->left > 0) return std::nullopt;
  const ErrorKind kind = plan->kind;
  if (plan->nth > 0) plan.reset();
  return Error(
      kind, "rehearsal",
      "cannot " + std::string(to_string(operation)) + " " + object + ": the rehearsal has it fail");
}

std::shared_ptr<Store> faulty_store(std::shared_ptr<Store> below, std::shared_ptr<Faults> faults) {
  return std::make_shared<FaultyStore>(std::move(below), std::move(faults));
}

}  // namespace pgbak
