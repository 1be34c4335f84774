#include "host/store/check.hpp"

#include "host/base/clock.hpp"
#include "host/base/error.hpp"
#include "host/base/random_id.hpp"

namespace pgbak {
namespace {

constexpr const char* kOp = "store.check";
constexpr std::size_t kProbeBytes = 8U << 10U;

std::string random_text() {
  std::string out;
  while (out.size() < kProbeBytes) out += random_id();
  return out;
}

template <typename Step>
double seconds_of(const Stop& stop, Step step) {
  stop.check(kOp);
  const auto began = SteadyClock::now();
  step();
  return std::chrono::duration<double>(SteadyClock::now() - began).count();
}

void use_probe(Store& store, const std::string& key, const Stop& stop, StoreCheck& out) {
  const std::string content = random_text();
  const std::string where = "'" + key + "' in " + store.url();
  out.write_seconds = seconds_of(stop, [&] { store.put(key, content, {}, stop); });
  out.read_seconds = seconds_of(stop, [&] {
    if (store.get(key, stop) == content) return;
    throw Error(ErrorKind::corrupt, kOp, where + " reads back as other bytes than were written");
  });
  out.list_seconds = seconds_of(stop, [&] {
    const auto listed = store.list(key);
    if (listed.size() == 1 && listed[0].key == key && listed[0].size == content.size()) return;
    throw Error(ErrorKind::protocol, kOp, where + " was written, but is not listed as it is");
  });
  out.delete_seconds = seconds_of(stop, [&] {
    store.remove(key);
    if (!store.head(key)) return;
    throw Error(ErrorKind::protocol, kOp, where + " was deleted, but is still there");
  });
}

}  // namespace

StoreCheck check_store(Store& store, const Stop& stop) {
  StoreCheck out;
  const std::string key = "pgbak-probe-" + random_id();
  out.reach_seconds = seconds_of(stop, [&] { store.head(key); });
  try {
    use_probe(store, key, stop, out);
  } catch (const std::exception&) {
    const Error error = current_error();
    try {
      store.remove(key);
    } catch (const Error&) {
      const std::string left = "the object '" + key + "' may be left there";
      throw Error(error).hint(error.hint().empty() ? left : error.hint() + "; " + left);
    }
    throw error;
  }
  return out;
}

}  // namespace pgbak
