// A store that fails where a rehearsal says so.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "host/base/error.hpp"
#include "host/store/store.hpp"

namespace pgbak {

/// What a store does, as far as failures are concerned: an object written or read counts once;
/// looking at one object is listing.
enum class StoreOperation { write, read, list, remove };
std::string_view to_string(StoreOperation operation);

/// Which operations of a store fail. Thread-safe.
class Faults {
 public:
  /// The `nth` one from now on fails (1 is the next), or, where it is 0, every one.
  void fail(StoreOperation operation, int nth, ErrorKind kind);
  /// Nothing fails any more.
  void mend();
  /// Counts one, which is done to `object`; the error with which it has to fail, if any.
  std::optional<Error> next(StoreOperation operation, const std::string& object);

 private:
  struct Plan {
    int nth;
    int left;  ///< until it fails
    ErrorKind kind;
  };
  std::mutex mutex_;
  std::array<std::optional<Plan>, 4> plans_;
};

/// Does what `below` does until `faults` strike. A write that fails has passed on half of its
/// bytes, as with a full disk or a lost connection.
std::shared_ptr<Store> faulty_store(std::shared_ptr<Store> below, std::shared_ptr<Faults> faults);

}  // namespace pgbak
