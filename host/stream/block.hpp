// Blocks of bytes on their way between threads, and the byte-bounded queue that carries them.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "host/stream/stage.hpp"

namespace pgbak {

/// A buffer of fixed capacity, filled once, then read by one or more consumers.
struct Block {
  static constexpr std::size_t kCapacity = 256U << 10U;

  std::unique_ptr<std::byte[]> data = std::make_unique_for_overwrite<std::byte[]>(kCapacity);
  std::size_t size = 0;

  Bytes bytes() const { return {data.get(), size}; }
  std::span<std::byte> room() { return {data.get() + size, kCapacity - size}; }
};

using BlockPtr = std::shared_ptr<Block>;

/// Hands out blocks and takes them back when their last user lets go. Thread-safe; blocks may
/// outlive the pool.
class BlockPool {
 public:
  BlockPtr take() {
    std::unique_ptr<Block> block;
    {
      const std::scoped_lock lock(shelf_->mutex);
      if (!shelf_->free.empty()) {
        block = std::move(shelf_->free.back());
        shelf_->free.pop_back();
      }
    }
    if (!block) block = std::make_unique<Block>();
    block->size = 0;
    return {block.release(), [shelf = shelf_](Block* used) {
              std::unique_ptr<Block> owned(used);
              const std::scoped_lock lock(shelf->mutex);
              shelf->free.push_back(std::move(owned));
            }};
  }

 private:
  struct Shelf {
    std::mutex mutex;
    std::vector<std::unique_ptr<Block>> free;
  };
  std::shared_ptr<Shelf> shelf_ = std::make_shared<Shelf>();
};

/// One producer, one consumer. Holds at most `limit_bytes`, but always room for one block.
class BlockQueue {
 public:
  explicit BlockQueue(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  /// Blocks while full; false once a stop was requested.
  bool push(BlockPtr block, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const bool room = changed_.wait(
        lock, stop, [&] { return held_bytes_ == 0 || held_bytes_ + block->size <= limit_bytes_; });
    if (!room) return false;
    held_bytes_ += block->size;
    blocks_.push_back(std::move(block));
    changed_.notify_all();
    return true;
  }

  bool empty() const {
    const std::scoped_lock lock(mutex_);
    return blocks_.empty();
  }

  /// Says that nothing more will come.
  void close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

  /// Blocks while empty; null at the end, and once a stop was requested.
  BlockPtr pop(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const bool ready = changed_.wait(lock, stop, [&] { return !blocks_.empty() || closed_; });
    if (!ready || blocks_.empty()) return nullptr;
    BlockPtr block = std::move(blocks_.front());
    blocks_.pop_front();
    held_bytes_ -= block->size;
    changed_.notify_all();
    return block;
  }

 private:
  const std::uint64_t limit_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<BlockPtr> blocks_;
  std::uint64_t held_bytes_ = 0;
  bool closed_ = false;
};

}  // namespace pgbak
