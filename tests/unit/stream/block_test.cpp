#include "host/stream/block.hpp"

#include <atomic>
#include <thread>

#include "tests/support/catch.hpp"

using namespace pgbak;

namespace {

BlockPtr block_of(BlockPool& pool, std::size_t size) {
  BlockPtr block = pool.take();
  block->size = size;
  return block;
}

}  // namespace

TEST_CASE("a buffer stays away from the pool while anybody uses it", "[stream]") {
  BlockPool pool;
  BlockPtr first = block_of(pool, 5);
  BlockPtr second_user = first;
  const std::byte* memory = first->data.get();
  first.reset();
  const BlockPtr meanwhile = pool.take();
  CHECK(meanwhile->data.get() != memory);
  second_user.reset();
  CHECK(pool.take()->data.get() == memory);
}

TEST_CASE("a returned buffer is used before a new one is made", "[stream]") {
  BlockPool pool;
  BlockPtr block = block_of(pool, 5);
  const std::byte* memory = block->data.get();
  block.reset();
  block = pool.take();
  CHECK(block->data.get() == memory);
  CHECK(block->size == 0);
  CHECK(block->room().size() == Block::kCapacity);
}

TEST_CASE("blocks outlive their pool", "[stream]") {
  BlockPtr block;
  {
    BlockPool pool;
    block = block_of(pool, 3);
  }
  CHECK(block->bytes().size() == 3);
}

TEST_CASE("a queue hands on in order and says when nothing more comes", "[stream]") {
  BlockPool pool;
  BlockQueue queue(100);
  const std::stop_source stop;
  CHECK(queue.push(block_of(pool, 1), stop.get_token()));
  CHECK(queue.push(block_of(pool, 2), stop.get_token()));
  queue.close();
  CHECK(queue.pop(stop.get_token())->size == 1);
  CHECK(queue.pop(stop.get_token())->size == 2);
  CHECK(queue.pop(stop.get_token()) == nullptr);
  CHECK(queue.pop(stop.get_token()) == nullptr);
}

TEST_CASE("a full queue makes its producer wait", "[stream]") {
  BlockPool pool;
  BlockQueue queue(100);
  const std::stop_source stop;
  REQUIRE(queue.push(block_of(pool, 60), stop.get_token()));
  REQUIRE(queue.push(block_of(pool, 40), stop.get_token()));
  std::atomic<bool> taken{false};
  bool waited = false;
  std::thread producer([&] {
    queue.push(block_of(pool, 1), stop.get_token());
    waited = taken;
  });
  taken = true;
  CHECK(queue.pop(stop.get_token())->size == 60);
  producer.join();
  CHECK(waited);
}

TEST_CASE("a queue smaller than a block still moves", "[stream]") {
  BlockPool pool;
  BlockQueue queue(1);
  const std::stop_source stop;
  CHECK(queue.push(block_of(pool, 1000), stop.get_token()));
  CHECK(queue.pop(stop.get_token())->size == 1000);
}

TEST_CASE("a stop releases who waits at either end", "[stream]") {
  BlockPool pool;
  std::stop_source stop;
  BlockQueue full(10), empty(10);
  REQUIRE(full.push(block_of(pool, 10), stop.get_token()));
  bool pushed = true;
  BlockPtr popped = block_of(pool, 1);
  std::thread producer([&] { pushed = full.push(block_of(pool, 1), stop.get_token()); });
  std::thread consumer([&] { popped = empty.pop(stop.get_token()); });
  stop.request_stop();
  producer.join();
  consumer.join();
  CHECK_FALSE(pushed);
  CHECK(popped == nullptr);
}
