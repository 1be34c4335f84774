// A listing of a store, searched by key. Used where it was made.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "host/store/store.hpp"

namespace pgbak {

/// What a store holds at one time.
class Objects {
 public:
  /// Lists everything; throws what Store::list throws.
  explicit Objects(Store& store) : all_(store.list("")) {}

  /// By key, in byte order.
  const std::vector<ObjectInfo>& all() const { return all_; }
  /// The object under `key`, or null.
  const ObjectInfo* find(const std::string& key) const {
    const auto at = std::ranges::lower_bound(all_, key, {}, &ObjectInfo::key);
    return at != all_.end() && at->key == key ? &*at : nullptr;
  }

 private:
  std::vector<ObjectInfo> all_;
};

}  // namespace pgbak
