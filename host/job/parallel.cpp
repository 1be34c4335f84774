#include "host/job/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "host/base/error.hpp"

namespace pgbak {
namespace {

constexpr std::size_t kThreads = 8;

}  // namespace

void in_parallel(std::size_t count, const Stop& stop,
                 const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::optional<Error> error;
  const auto worker = [&] {
    try {
      for (std::size_t i = next++; i < count; i = next++) {
        stop.check("catalog");
        work(i);
      }
    } catch (const std::exception&) {
      next = count;
      const std::scoped_lock lock(mutex);
      if (!error) error = current_error();
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < std::min(kThreads, count); ++i) others.emplace_back(worker);
    worker();
  }
  if (error) throw *error;
}

}  // namespace pgbak
