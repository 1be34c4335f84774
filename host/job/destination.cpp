#include "host/job/destination.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "host/job/catalog.hpp"

namespace pgbak {

struct Destinations::Shared {
  std::mutex mutex;
  std::vector<DestinationOutcome> outcomes;

  bool none_left() const {
    return !outcomes.empty() &&
           std::all_of(outcomes.begin(), outcomes.end(),
                       [](const DestinationOutcome& each) { return each.error.has_value(); });
  }

  /// Why there is none left: the first one's error, to be retried where that may help any of them.
  Error reason() const {
    Error first = *outcomes.front().error;
    const bool may_pass =
        std::any_of(outcomes.begin(), outcomes.end(),
                    [](const DestinationOutcome& each) { return each.error->retryable(); });
    return std::move(first).retryable(may_pass);
  }

  /// Called in a handler: notes the failure of destination `i`, or throws (Destinations::open).
  void lose(std::size_t i, const Stop& stop) {
    const Error error = current_error();
    // The run's stop may have reached the store before it reached the pipeline.
    if (error.kind() == ErrorKind::cancelled) throw error;
    stop.check("stream.run");
    const std::scoped_lock lock(mutex);
    outcomes[i].error = error;
    if (none_left()) throw reason();
  }
};

namespace {

class IsolatedSink final : public Sink {
 public:
  IsolatedSink(std::unique_ptr<Sink> below, std::size_t number,
               std::shared_ptr<Destinations::Shared> shared)
      : below_(std::move(below)),
        name_(below_->name()),
        number_(number),
        shared_(std::move(shared)) {}

  void write(Bytes in, const Stop& stop) override {
    guarded(stop, [&] { below_->write(in, stop); });
  }
  void commit(const Stop& stop) override {
    guarded(stop, [&] { below_->commit(stop); });
  }
  void abort() noexcept override {
    if (below_) below_->abort();
  }
  std::string name() const override { return name_; }

 private:
  template <typename Body>
  void guarded(const Stop& stop, Body body) {
    if (!below_) return;
    try {
      body();
    } catch (const std::exception&) {
      const std::unique_ptr<Sink> lost = std::move(below_);
      lost->abort();
      shared_->lose(number_, stop);
    }
  }

  std::unique_ptr<Sink> below_;  // null once it has failed
  const std::string name_;
  const std::size_t number_;
  const std::shared_ptr<Destinations::Shared> shared_;
};

}  // namespace

Destinations::Destinations(std::vector<Destination> all)
    : all_(std::move(all)), shared_(std::make_shared<Shared>()) {
  for (const Destination& each : all_) {
    shared_->outcomes.push_back(
        {each.store->url(), each.key, each.required, std::nullopt, each.replaces});
  }
}

std::vector<std::unique_ptr<Sink>> Destinations::open(Run& run) {
  std::vector<std::unique_ptr<Sink>> sinks;
  for (std::size_t i = 0; i < all_.size(); ++i) {
    try {
      sinks.push_back(std::make_unique<IsolatedSink>(
          Catalog(all_[i].store, run).writer(all_[i].key, all_[i].replaces), i, shared_));
    } catch (const std::exception&) {
      shared_->lose(i, run.stop);
    }
  }
  return sinks;
}

std::vector<DestinationOutcome> Destinations::outcomes() const {
  const std::scoped_lock lock(shared_->mutex);
  return shared_->outcomes;
}

bool Destinations::none_left() const {
  const std::scoped_lock lock(shared_->mutex);
  return shared_->none_left();
}

}  // namespace pgbak
