// So many at a time, and those of the higher priority first.
#include "base/async_semaphore.hpp"
#include "support/world.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(async_semaphore)

BOOST_AUTO_TEST_CASE(a_known_device_does_not_wait_behind_unknown_ones) {
  SimulatedWorld world;
  AsyncSemaphore handshakes(1);
  std::vector<std::string> order;
  // Holds the only permit until everybody else waits for it.
  Timer first_leaves(world.loop, Clock::now() + 1s);
  const auto enter = [&](std::string name, AsyncSemaphore::Priority line, bool waits) -> asio::awaitable<void> {
    const auto pass = co_await handshakes.acquire(line);
    order.push_back(name);
    if (waits) (void)co_await first_leaves.async_wait(as_result);
  };
  world.spawn([&] { return enter("first", AsyncSemaphore::Priority::low, true); });
  for (int i = 0; i < 3; ++i)
    world.spawn([&, i] { return enter("stranger " + std::to_string(i), AsyncSemaphore::Priority::low, false); });
  world.spawn([&] { return enter("known", AsyncSemaphore::Priority::high, false); });
  world.advance(2s);
  const std::vector<std::string> expected{"first", "known", "stranger 0", "stranger 1", "stranger 2"};
  BOOST_TEST(order == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
