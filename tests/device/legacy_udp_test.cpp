// The chunked transfer over UDP, as Device OS 2.3 takes it: everything may be lost, late or twice, UpdateDone's answers
// included.
#include "support/test_system.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;
using virtual_device::UdpOptions;
using virtual_device::UdpProfile;

namespace {

constexpr std::uint16_t boron = 13;

struct LegacySystem : TestSystem {
  virtual_device::UdpDevice& start_old_device(std::size_t size) {
    add_firmware(module_for(boron, 4, 1, 2310, {}, size), "system-part1.bin");
    UdpOptions options;
    options.profile = UdpProfile::v2_3();
    return start_udp_device(1, {module_for(boron, 4, 1, 2300), module_for(boron, 5, 2, 6, {4, 1, 2310})}, options);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(legacy_transfer_over_udp)

// 200 of them: loss alone ends none.
BOOST_DATA_TEST_CASE(loss_and_disorder_fail_no_transfer, boost::unit_test::data::xrange(0u, 200u, 20u), first) {
  for (unsigned seed = first; seed < first + 20; ++seed) {
    LegacySystem system;
    system.world.random.engine().seed(seed);
    system.network().options.delay = 40ms;
    system.network().options.jitter = std::chrono::milliseconds(seed % 4 * 20);
    system.network().options.loss = 0.05;
    system.network().options.repeat = seed % 3 == 0 ? 0.05 : 0;
    system.network().options.bits_per_second = 1'000'000;
    auto& device = system.start_old_device(60'000);
    BOOST_REQUIRE_MESSAGE(system.run_until_state(1, "current", 1h), "seed " << seed);
    BOOST_TEST(device.applied.size() == 1u);
    system.world.advance(5s);
    for (const auto& step : system.steps(1))
      BOOST_TEST(step.state == "verified", "seed " << seed << ": " << step.error);
    BOOST_TEST(!system.said("was not sent"), "seed " << seed);
  }
}

// 1 Mbit/s, 50 ms each way, 2 % loss: the pace follows the link instead of pausing for each answer.
BOOST_AUTO_TEST_CASE(the_pace_follows_the_link) {
  constexpr std::size_t size = 505'230;
  std::vector<double> goodputs;
  for (unsigned seed = 1; seed <= 9; ++seed) {
    LegacySystem system;
    system.world.random.engine().seed(seed);
    system.network().options.delay = 50ms;
    system.network().options.loss = 0.02;
    system.network().options.bits_per_second = 1'000'000;
    auto& device = system.start_old_device(size);
    BOOST_REQUIRE(system.run_until_state(1, "current", 1h));
    goodputs.push_back(
        static_cast<double>(size) * 8 / std::chrono::duration<double>(device.last_update_time).count() / 1e6);
  }
  std::sort(goodputs.begin(), goodputs.end());
  BOOST_TEST_MESSAGE(
      "goodput of 1 Mbit/s: median " << goodputs[4] << ", " << goodputs.front() << " to " << goodputs.back());
  BOOST_TEST(goodputs[4] >= 0.75);  // in virtual time; one question a round trip reaches 0.46
}

// The session outlives a link that is away for a while: the transfer goes on where it was, and within a few seconds.
BOOST_FIXTURE_TEST_CASE(a_link_that_comes_back_within_minutes_interrupts_nothing, LegacySystem) {
  network().options.delay = 50ms;
  network().options.bits_per_second = 500'000;
  auto& device = start_old_device(300'000);
  bool away = false;
  device.faults.call_at = 100'000;
  device.faults.called = [&] {
    away = true;
    network().options.loss = 1;
  };
  BOOST_REQUIRE(run_until(10min, [&] { return away; }));
  world.advance(40s);
  BOOST_TEST(!said("interrupted"));
  network().options.loss = 0;
  const auto back_at = Clock::now();
  BOOST_REQUIRE(run_until_state(1, "current", 1h));
  BOOST_TEST((Clock::now() - back_at <
      40s));  // of which 4 s are 200 kB at that speed, and 12 s the longest pause between two questions
  BOOST_TEST(steps(1).size() == 1u);
}

// The source port changes in the middle: a device of 2.3 that does not say so is not found any more, and that is no
// delivery.
BOOST_FIXTURE_TEST_CASE(a_session_that_vanished_is_no_delivery, LegacySystem) {
  network().options.delay = 50ms;
  network().options.bits_per_second = 500'000;
  auto& device = start_old_device(300'000);
  bool third = false;
  device.faults.call_at = 100'000;
  device.faults.called = [&] {
    third = true;
    network().options.loss = 1;
  };
  BOOST_REQUIRE(run_until(10min, [&] { return third; }));
  world.advance(10min);
  BOOST_TEST(!said("was sent in"));
  BOOST_TEST(row(1).state != "current");
  for (const auto& step : steps(1)) BOOST_TEST(step.state != "sent");
  network().options.loss = 0;
  BOOST_REQUIRE(run_until_state(1, "current", 1h));
  BOOST_TEST(!said("still reports version 2300"));
}

BOOST_AUTO_TEST_SUITE_END()
