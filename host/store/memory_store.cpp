// Objects in memory. The process owns them, by the store's name, or the store does; each Shelf
// guards its own with a mutex, and a reader shares the bytes it reads, so that removing an object
// does not disturb it.
#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "host/base/error.hpp"
#include "host/store/store.hpp"

namespace pgbak {
namespace {

struct Object {
  std::shared_ptr<const std::string> content;
  WallTime modified;
};

struct Shelf {
  std::mutex mutex;
  std::map<std::string, Object> objects;
};

std::shared_ptr<Shelf> shelf_of(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<Shelf>> shelves;
  const std::scoped_lock lock(mutex);
  std::shared_ptr<Shelf>& shelf = shelves[name];
  if (!shelf) shelf = std::make_shared<Shelf>();
  return shelf;
}

class MemorySource final : public Source {
 public:
  MemorySource(std::shared_ptr<const std::string> content, std::string name)
      : content_(std::move(content)), name_(std::move(name)) {}

  std::size_t read(std::span<std::byte> into, const Stop& stop) override {
    stop.check("store.reader");
    const Bytes left = std::as_bytes(std::span(*content_)).subspan(at_);
    const std::size_t size = std::min(into.size(), left.size());
    std::copy_n(left.begin(), size, into.begin());
    at_ += size;
    return size;
  }

  void finish(const Stop& stop) override { stop.check("store.reader"); }

  std::string name() const override { return name_; }

 private:
  std::shared_ptr<const std::string> content_;
  std::string name_;
  std::size_t at_ = 0;
};

class MemorySink final : public Sink {
 public:
  MemorySink(std::shared_ptr<Shelf> shelf, std::string key, bool overwrite, std::string name)
      : shelf_(std::move(shelf)),
        key_(std::move(key)),
        overwrite_(overwrite),
        name_(std::move(name)) {
    const std::scoped_lock lock(shelf_->mutex);
    check_absent();
  }

  void write(Bytes in, const Stop& stop) override {
    stop.check(kOp);
    content_.append(reinterpret_cast<const char*>(in.data()), in.size());
  }

  void commit(const Stop& stop) override {
    stop.check(kOp);
    const std::scoped_lock lock(shelf_->mutex);
    check_absent();
    shelf_->objects[key_] = {std::make_shared<const std::string>(std::move(content_)), wall_now()};
  }

  void abort() noexcept override { content_.clear(); }

  std::string name() const override { return name_; }

 private:
  void check_absent() const {
    if (!overwrite_ && shelf_->objects.contains(key_)) {
      throw Error(ErrorKind::exists, kOp, name_ + " exists and would be overwritten");
    }
  }

  static constexpr const char* kOp = "store.writer";
  std::shared_ptr<Shelf> shelf_;
  std::string key_;
  bool overwrite_;
  std::string name_, content_;
};

class MemoryStore final : public Store {
 public:
  MemoryStore(const std::string& name, std::shared_ptr<Shelf> shelf)
      : url_("memory:" + name), shelf_(std::move(shelf)) {}

  std::string url() const override { return url_; }

  std::unique_ptr<Sink> writer(const std::string& key, const WriteOptions& options) override {
    check_key(key);
    return std::make_unique<MemorySink>(shelf_, key, options.overwrite, name_of(key));
  }

  std::unique_ptr<Source> reader(const std::string& key) override {
    check_key(key);
    const std::scoped_lock lock(shelf_->mutex);
    const auto found = shelf_->objects.find(key);
    if (found == shelf_->objects.end()) {
      throw Error(ErrorKind::not_found, "store.reader",
                  "no object '" + key + "' in '" + url_ + "'");
    }
    return std::make_unique<MemorySource>(found->second.content, name_of(key));
  }

  std::optional<ObjectInfo> head(const std::string& key) override {
    check_key(key);
    const std::scoped_lock lock(shelf_->mutex);
    const auto found = shelf_->objects.find(key);
    if (found == shelf_->objects.end()) return std::nullopt;
    return info(*found);
  }

  std::vector<ObjectInfo> list(const std::string& prefix) override {
    std::vector<ObjectInfo> objects;
    const std::scoped_lock lock(shelf_->mutex);
    auto at = shelf_->objects.lower_bound(prefix);
    for (; at != shelf_->objects.end() && at->first.starts_with(prefix); ++at) {
      objects.push_back(info(*at));
    }
    return objects;
  }

  bool remove(const std::string& key) override {
    check_key(key);
    const std::scoped_lock lock(shelf_->mutex);
    return shelf_->objects.erase(key) > 0;
  }

  /// A dead writer's bytes died with it.
  std::size_t sweep() override { return 0; }
  std::vector<Unfinished> unfinished() override { return {}; }
  void discard(const Unfinished&) override {}

  /// Nothing else writes here.
  bool marked(const std::string& key) override { return head(key).has_value(); }

 private:
  static ObjectInfo info(const std::pair<const std::string, Object>& entry) {
    return {entry.first, entry.second.content->size(), entry.second.modified};
  }
  std::string name_of(const std::string& key) const { return "object '" + url_ + "/" + key + "'"; }

  std::string url_;
  std::shared_ptr<Shelf> shelf_;
};

}  // namespace

std::shared_ptr<Store> memory_store(const std::string& name) {
  return std::make_shared<MemoryStore>(name, shelf_of(name));
}

std::shared_ptr<Store> own_memory_store(const std::string& name) {
  return std::make_shared<MemoryStore>(name, std::make_shared<Shelf>());
}

}  // namespace pgbak
