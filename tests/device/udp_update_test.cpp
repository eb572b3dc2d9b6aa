// Updates of UDP devices, whole: handshake, session and transfer, over a network that delays, loses and repeats, on a
// virtual clock.
#include "device/udp_system.hpp"
#include "server/commands.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;
using virtual_device::UdpOptions;
using virtual_device::UdpProfile;

namespace {

using Applied = std::vector<std::string>;

// A system part as large as Device OS 3.1's on a Tracker.
constexpr std::size_t real_size = 505'230;

struct ReleaseCase {
  const char* name;
  UdpProfile profile;
};
std::ostream& operator<<(std::ostream& os, const ReleaseCase& release_case) {
  return os << release_case.name;
}
const ReleaseCase release_cases[] = {
    {"2.3", UdpProfile::v2_3()}, {"3.3", UdpProfile::v3_3()}, {"6.2", UdpProfile::v6_2()}};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(updates_of_udp_devices, UdpSystem)

BOOST_DATA_TEST_CASE(
    every_era_is_brought_up_to_date_in_one_session, boost::unit_test::data::make(release_cases), release_case) {
  add_version_6200();
  UdpOptions options;
  options.profile = release_case.profile;
  network().options.delay = 20ms;
  auto& device = start_udp_device(1, stuck, options);
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  BOOST_TEST(device.applied == (Applied{"b0@3100", "s1@6200"}), boost::test_tools::per_element());
  BOOST_TEST(device.handshakes == 1);
  BOOST_TEST(device.resumptions == 2);
  BOOST_TEST(device.time_received > 1'700'000'000u);
  world.advance(5s);
  for (const auto& step : steps(1)) BOOST_TEST(step.state == "verified");
  BOOST_TEST(row(1).application.find("brew") != std::string::npos);
}

// Chunks, acknowledgements, verdicts, handshakes: any of them may be lost, late or come twice.
BOOST_DATA_TEST_CASE(a_bad_network_changes_nothing_but_the_time, boost::unit_test::data::xrange(1u, 13u), seed) {
  world.random.engine().seed(seed);
  network().options.delay = 60ms;
  network().options.jitter = std::chrono::milliseconds(seed % 3 * 40);
  network().options.loss = 0.1;
  network().options.repeat = 0.05;
  add_version_6200();
  UdpOptions options;
  options.profile = release_cases[seed % 3].profile;
  auto& device = start_udp_device(1, stuck, options);
  BOOST_REQUIRE(run_until_state(1, "current", 4h));
  BOOST_TEST(device.flash().version(4, 1).value_or(0) == 6200);
  BOOST_TEST(device.flash().version(2, 0).value_or(0) == 3100);
  for (const auto verdict : device.verdicts) BOOST_TEST(verdict == 0);
}

BOOST_AUTO_TEST_CASE(a_compressed_system_part_and_a_combined_file_are_passed_on_as_they_are) {
  add_firmware(virtual_device::compress(module_for(boron, 4, 1, 6200, {2, 0, 3100}, 60'000)), "system-part1.bin");
  add_firmware(module_for(boron, 2, 0, 3100), "bootloader.bin");
  auto& device = start_udp_device(1, stuck);
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  BOOST_TEST(device.applied == (Applied{"b0@3100", "s1@6200"}), boost::test_tools::per_element());

  add_firmware(virtual_device::combine(module_for(boron, 4, 1, 6300, {2, 0, 3100}),
                   virtual_device::compress(module_for(boron, 5, 2, 7, {4, 1, 6300}))),
      "both.bin");
  {
    auto db = database();
    BOOST_REQUIRE(server::commands::add_target(db, *store::load_device(db, id_of(1)), "both.bin").has_value());
  }
  world.spawn([this]() -> asio::awaitable<void> { (void)co_await server().apply_changes(); });
  BOOST_REQUIRE(run_until(10min, [&] { return device.applied.size() == 4; }));
  BOOST_TEST(device.applied.back() == "u2@7");
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  world.advance(5s);
  for (const auto& step : steps(1)) BOOST_TEST(step.state == "verified");
}

// The device's own reset, a kill of the server, another address: each goes on where the device says, in the same
// session.
BOOST_AUTO_TEST_CASE(an_interrupted_update_goes_on_from_the_devices_offset) {
  const auto image = module_for(boron, 4, 1, 6200, {}, real_size);
  add_firmware(image, "system-part1.bin");
  network().options.delay = 50ms;
  network().options.bits_per_second = 20'000;  // 30 s of the device's memory are some 15 % of the file
  network().options.queue = 16 * 1024;
  UdpOptions options;
  options.state_saved_every = 5s;
  auto& device =
      start_udp_device(1, {module_for(boron, 4, 1, 3103), module_for(boron, 5, 2, 6, {4, 1, 6200})}, options);
  bool kill_now = false;
  device.faults.reset_at = real_size * 3 / 10;
  device.faults.call_at = real_size * 6 / 10;
  device.faults.called = [&] {
    kill_now = true;
    device.faults.call_at = real_size * 9 / 10;
    device.faults.called = [&] { move(1); };
  };
  BOOST_REQUIRE(run_until(30min, [&] { return kill_now; }));
  kill();
  world.advance(3s);
  restart();
  BOOST_REQUIRE(run_until_state(1, "current", 1h));
  BOOST_TEST(device.applied == (Applied{"s1@6200"}), boost::test_tools::per_element());
  BOOST_TEST(device.handshakes == 1);
  BOOST_TEST(device.resumptions == 2);  // behind the reset on request, and behind the update
  BOOST_REQUIRE(device.offsets.size() == 3u);
  BOOST_TEST(device.offsets[0] == 0u);
  BOOST_TEST(device.offsets[1] > real_size * 25 / 100);
  BOOST_TEST(device.offsets[2] > real_size * 59 / 100);
  const auto ratio = static_cast<double>(network().bytes_to_devices) / real_size;
  BOOST_TEST_MESSAGE("bytes sent: " << network().bytes_to_devices << ", ratio " << ratio << ", chunks received "
                                    << device.chunk_bytes);
  BOOST_TEST(ratio <= 1.15);
}

BOOST_AUTO_TEST_CASE(a_refusal_is_told_in_words_and_the_device_parked_in_the_end) {
  add_version_6200();
  auto& device = start_udp_device(1, stuck);
  device.faults.says_incomplete = true;
  BOOST_REQUIRE(run_until_state(1, "parked", 2h));
  BOOST_TEST(row(1).state_words.find("(-240)") != std::string::npos);
  BOOST_TEST(device.offsets.size() == 3u);
}

BOOST_AUTO_TEST_CASE(a_device_that_forgets_what_it_took_is_noticed_without_a_hello) {
  add_version_6200();
  auto& device = start_udp_device(1, stuck);
  device.faults.forgets_updates = true;
  BOOST_REQUIRE(run_until_state(1, "parked", 2h));
  BOOST_TEST(row(1).state_words.find("still reports version") != std::string::npos);
  BOOST_TEST(device.handshakes == 1);
}

// It says so once, and not again in a session that goes on.
BOOST_AUTO_TEST_CASE(updates_that_were_disabled_stay_so_through_a_restart) {
  add_version_6200();
  UdpOptions options;
  options.updates_enabled = false;
  auto& device = start_udp_device(1, stuck, options);
  BOOST_REQUIRE(run_until_state(1, "updates_disabled", 1min));
  kill();
  restart();
  world.advance(2h);
  BOOST_TEST(row(1).connected);
  BOOST_TEST(row(1).state == "updates_disabled");
  BOOST_TEST(device.offsets.empty());
}

BOOST_AUTO_TEST_CASE(an_update_goes_on_at_once_after_a_restart) {
  add_firmware(module_for(boron, 4, 1, 6200, {}, 300'000), "system-part1.bin");
  network().options.delay = 20ms;
  network().options.bits_per_second = 200'000;
  auto& device = start_udp_device(1, {module_for(boron, 4, 1, 3103), module_for(boron, 5, 2, 6, {4, 1, 6200})});
  bool half = false;
  device.faults.call_at = 150'000;
  device.faults.called = [&] { half = true; };
  BOOST_REQUIRE(run_until(5min, [&] { return half; }));
  kill();
  world.advance(1s);
  restart();
  const auto before = device.chunk_bytes;
  BOOST_TEST(run_until(2s, [&] { return device.chunk_bytes > before; }));
  BOOST_REQUIRE(run_until_state(1, "current", 5min));
}

// What a device was before its reset says nothing about what it is now, and no plan is made without knowing.
BOOST_AUTO_TEST_CASE(a_reset_in_the_middle_of_a_question_begins_again_from_the_start) {
  auto& device = start_udp_device(1, {module_for(boron, 4, 1, 6200), module_for(boron, 5, 2, 6, {4, 1, 6200})});
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  kill();
  device.faults.resets_when_asked = true;  // asked only in a session that goes on without a Hello
  restart();
  world.advance(1h);
  BOOST_TEST(!device.faults.resets_when_asked);
  auto db = database();
  BOOST_TEST(store::load_modules(db, id_of(1)).size() == 2u);
  BOOST_TEST(row(1).state == "current");
  BOOST_TEST(device.handshakes == 1);
}

BOOST_AUTO_TEST_SUITE_END()
