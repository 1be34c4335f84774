// Objects in a bucket, below a prefix. Marks: every object that a writer makes carries the header
// x-amz-meta-pgbak: an id of that very write, and the mark of the key.
#include <algorithm>

#include "host/base/error.hpp"
#include "host/base/random_id.hpp"
#include "host/store/s3_stages.hpp"
#include "host/store/store.hpp"

namespace pgbak {
namespace {

class S3Store final : public Store {
 public:
  S3Store(const S3Settings& settings, const Stop& stop)
      : client_(std::make_shared<S3Client>(settings)), stop_(stop) {}

  std::string url() const override { return client_->settings().shown(); }

  std::unique_ptr<Sink> writer(const std::string& key, const WriteOptions& options) override {
    if (!options.overwrite && head(key)) {
      throw Error(ErrorKind::exists, "store.writer",
                  "object '" + client_->shown(full(key)) + "' exists and would be overwritten");
    }
    return s3_writer(client_, full(key), random_id() + "-" + key_mark(key), options.overwrite);
  }

  std::unique_ptr<Source> reader(const std::string& key) override {
    try {
      return s3_reader(client_, full(key), stop_);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::not_found) throw;
      throw Error(error).with_context("no object '" + key + "' in '" + url() + "'");
    }
  }

  std::optional<ObjectInfo> head(const std::string& key) override {
    const auto found = look(key);
    if (!found) return std::nullopt;
    return ObjectInfo{key, found->size, found->modified};
  }

  std::vector<ObjectInfo> list(const std::string& prefix) override {
    std::vector<ObjectInfo> out;
    for (ObjectInfo& object : client_->list(base() + prefix, stop_)) {
      if (own(object.key)) out.push_back(std::move(object));
    }
    std::sort(out.begin(), out.end(),
              [](const ObjectInfo& a, const ObjectInfo& b) { return a.key < b.key; });
    return out;
  }

  bool remove(const std::string& key) override {
    if (!look(key)) return false;
    client_->remove(full(key), client_->settings().retry, stop_);
    return true;
  }

  void remove_all(const std::vector<std::string>& keys) override {
    std::vector<std::string> full_keys;
    for (const std::string& key : keys) full_keys.push_back(full(key));
    client_->remove_all(full_keys, stop_);
  }

  /// Nobody can tell an upload of a live writer elsewhere from a dead one's: `pgbak sweep` goes by
  /// age.
  std::size_t sweep() override { return 0; }

  std::vector<Unfinished> unfinished() override {
    std::vector<Unfinished> out;
    for (Unfinished& upload : client_->uploads(base(), stop_)) {
      if (own(upload.key)) out.push_back(std::move(upload));
    }
    return out;
  }

  void discard(const Unfinished& what) override {
    client_->abort_upload(full(what.key), what.id, client_->settings().retry, stop_);
  }

  bool marked(const std::string& key) override {
    const auto found = look(key);
    return found && found->mark.ends_with("-" + key_mark(key));
  }

  std::string presign(const std::string& key, std::int64_t seconds) override {
    return client_->presign(full(key), seconds, stop_);
  }

 private:
  const std::string& base() const { return client_->settings().prefix; }

  std::string full(const std::string& key) const {
    check_key(key);
    return base() + key;
  }

  /// Takes the prefix off a key in the bucket; false for what is no key of a store, such as the
  /// "folders" that other tools make.
  bool own(std::string& key) const {
    if (!key.starts_with(base())) return false;
    key.erase(0, base().size());
    return is_key(key);
  }

  std::optional<S3Head> look(const std::string& key) const {
    return client_->head(full(key), client_->settings().retry, stop_);
  }

  std::shared_ptr<S3Client> client_;
  const Stop& stop_;
};

}  // namespace

std::shared_ptr<Store> s3_store(const S3Settings& settings, const Stop& stop) {
  return std::make_shared<S3Store>(settings, stop);
}

}  // namespace pgbak
