// Sessions of UDP devices: kept through silence, resets, restarts and clocks that jump, and closed to whoever records,
// repeats or spoofs; on a virtual clock.
#include "device/udp_system.hpp"
#include "server/commands.hpp"

#include "store/statement.hpp"
#include <SQLiteCpp/SQLiteCpp.h>
#include <boost/test/unit_test.hpp>
#include <set>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;
using virtual_device::UdpOptions;

BOOST_FIXTURE_TEST_SUITE(sessions_of_udp_devices, UdpSystem)

BOOST_AUTO_TEST_CASE(an_idle_device_is_kept_for_days_and_sleeps_behind_changing_addresses) {
  UdpOptions options;
  options.platform = 12;
  auto& device = start_udp_device(1, {module_for(12, 4, 1, 6200), module_for(12, 5, 2, 6, {4, 1, 6200})}, options);
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  for (int hour = 0; hour < 48; ++hour) {
    world.advance(1h);
    move(1);
  }
  world.advance(1min);
  BOOST_TEST(device.connected);
  BOOST_TEST(device.handshakes == 1);
  BOOST_TEST(row(1).connected);
}

// Asleep, say: shown as away after a while, and welcome in its old session when it wakes.
BOOST_AUTO_TEST_CASE(a_device_that_falls_silent_is_shown_so_and_goes_on_with_its_session) {
  UdpOptions options;
  options.platform = 12;
  options.ping_every = 10min;
  auto& device = start_udp_device(1, {module_for(12, 4, 1, 6200), module_for(12, 5, 2, 6, {4, 1, 6200})}, options);
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  world.advance(90s);
  BOOST_TEST(row(1).connected);
  world.advance(1min);
  BOOST_TEST(!row(1).connected);
  BOOST_TEST(server().sessions() == 0u);
  move(1);
  world.advance(8min);
  BOOST_TEST(row(1).connected);
  BOOST_TEST(device.handshakes == 1);
}

BOOST_AUTO_TEST_CASE(a_restarted_service_goes_on_with_the_very_next_datagram) {
  auto& device = start_udp_device(1, {module_for(boron, 4, 1, 6200), module_for(boron, 5, 2, 6, {4, 1, 6200})});
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  std::set<std::string> nonces;
  for (int i = 0; i < 5; ++i) {
    kill();
    world.advance(1s);
    restart();
    BOOST_TEST(demultiplexer().sessions() == 1u);
    BOOST_REQUIRE(run_until(30min, [&] { return server().sessions() == 1u; }));
    world.advance(10s);
    BOOST_TEST(row(1).connected);
    BOOST_TEST(row(1).state == "current");
  }
  BOOST_TEST(device.handshakes == 1);
}

// AES-CCM is broken by a nonce that comes twice: none may, whenever the server dies.
BOOST_AUTO_TEST_CASE(no_sequence_number_is_ever_sent_twice) {
  std::set<std::string> numbers;
  std::size_t repeated = 0;
  constexpr std::uint16_t p2 = 32;
  add_firmware(
      module_for(p2, 4, 1, 6200, {}, 1'400'000), "system-part1.bin");  // more chunks than one reservation has numbers
  network().options.delay = 10ms;
  network().options.bits_per_second = 400'000;
  UdpOptions options;
  options.platform = p2;
  auto& device = start_udp_device(1, {module_for(p2, 4, 1, 5300), module_for(p2, 5, 1, 6, {4, 1, 6200})}, options);
  network().server_sends = [&](ByteView datagram) {
    if (datagram.size() > 21 && datagram[0] == 23) repeated += !numbers.insert(to_hex(datagram.subspan(3, 8))).second;
  };
  for (int i = 0; i < 4; ++i) {
    world.advance(std::chrono::milliseconds(400 + 377 * i));
    kill();
    world.advance(200ms);
    restart();
  }
  BOOST_REQUIRE(run_until_state(1, "current", 1h));
  BOOST_TEST(device.handshakes == 1);
  BOOST_TEST(numbers.size() > 1'200u);
  BOOST_TEST(repeated == 0u);
}

BOOST_AUTO_TEST_CASE(what_was_recorded_cannot_be_played_again) {
  std::vector<Bytes> recorded;
  network().seen_by_server = [&](ByteView datagram) { recorded.emplace_back(datagram.begin(), datagram.end()); };
  auto& device = start_udp_device(1, stuck);
  BOOST_REQUIRE(run_until_state(1, "blocked", 1min));
  network().seen_by_server = [](ByteView) {};
  const auto sessions = server().sessions();
  const transport::UdpEndpoint thief(asio::ip::make_address("10.66.6.6"), 1000);
  const auto before = network().bytes_to_devices;
  for (int round = 0; round < 3; ++round)
    for (auto datagram : recorded) {
      demultiplexer().on_datagram(datagram, thief);
      world.run_until_idle();
    }
  BOOST_TEST(demultiplexer().find(*transport::DeviceId::parse(id_of(1)))->address() != thief);
  BOOST_TEST(demultiplexer().handshakes() == 0u);  // the old ClientHello's cookie is for another address
  BOOST_TEST(server().sessions() == sessions);
  BOOST_TEST(network().bytes_to_devices == before);
  world.advance(24h);
  BOOST_TEST(device.handshakes == 1);
}

// Spoofed ClientHellos: nothing is kept for them, and little is said.
BOOST_AUTO_TEST_CASE(a_flood_of_spoofed_hellos_leaves_no_trace) {
  std::vector<Bytes> recorded;
  network().seen_by_server = [&](ByteView datagram) { recorded.emplace_back(datagram.begin(), datagram.end()); };
  (void)start_udp_device(1, stuck);
  BOOST_REQUIRE(run_until_state(1, "blocked", 1min));
  std::size_t received = 0, sent = 0;
  network().server_sends = [&](ByteView datagram) { sent += datagram.size(); };
  for (int i = 0; i < 5'000; ++i) {
    const transport::UdpEndpoint somebody(asio::ip::address_v4(0x0b000000U + static_cast<unsigned>(i)), 5684);
    auto hello = recorded[static_cast<std::size_t>(i) % 2];  // the one without and the one with a cookie
    received += hello.size();
    demultiplexer().on_datagram(hello, somebody);
  }
  world.run_until_idle();
  network().server_sends = [](ByteView) {};
  BOOST_TEST(demultiplexer().handshakes() == 0u);
  BOOST_TEST(demultiplexer().sessions() == 1u);
  BOOST_TEST(sent > 0u);
  BOOST_TEST(static_cast<double>(sent) <= 1.5 * static_cast<double>(received));
}

BOOST_AUTO_TEST_CASE(a_changed_key_is_refused_and_the_session_forgotten) {
  (void)start_udp_device(1, {module_for(boron, 4, 1, 6200), module_for(boron, 5, 2, 6, {4, 1, 6200})});
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  const auto key = row(1).public_key;
  UdpOptions options;
  options.id[11] = 1;
  auto& thief = start_udp_device(2, {}, options);
  world.advance(30s);
  BOOST_TEST(thief.handshakes == 1);
  BOOST_TEST(demultiplexer().sessions() == 1u);
  BOOST_TEST((row(1).public_key == key));
  BOOST_TEST((row(1).changed_key == thief.key().spki()));
  BOOST_TEST(said("came from elsewhere with another key than the one on file"));
  BOOST_TEST(server().sessions() == 1u);  // the real one is still there
}

BOOST_AUTO_TEST_CASE(a_device_with_another_servers_key_is_told_apart) {
  UdpOptions options;
  options.server_key = crypto::EcPrivateKey::generate().public_key_spki();
  auto& device = start_udp_device(1, stuck, options);
  world.advance(2min);
  BOOST_TEST(!device.connected);
  BOOST_TEST(server().fleet().empty());
  BOOST_TEST(said("it was set up for another server"));
}

BOOST_AUTO_TEST_CASE(a_device_that_lost_its_session_makes_a_new_one_and_the_old_is_gone) {
  add_version_6200();
  auto& device = start_udp_device(1, stuck);
  device.faults.forgets_session = true;
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  BOOST_TEST(device.handshakes == 3);
  BOOST_TEST(demultiplexer().sessions() == 1u);
  world.advance(5s);
  auto db = database();
  BOOST_TEST(store::query_integer(db, "SELECT count(*) FROM dtls_sessions") == 1);
  // It is the new one that is kept.
  kill();
  restart();
  world.advance(30min);
  BOOST_TEST(row(1).connected);
  BOOST_TEST(device.handshakes == 3);
}

// Killed just when a device resets into what it was sent: the first thing it says is that it resumes.
BOOST_AUTO_TEST_CASE(a_device_that_resumes_while_it_is_called_keeps_its_session) {
  add_version_6200();
  network().options.delay = 50ms;
  UdpOptions options;
  options.reset_time = 10s;
  auto& device = start_udp_device(1, stuck, options);
  BOOST_REQUIRE(run_until(5min, [&] { return device.applied.size() == 1; }));
  kill();
  world.advance(9s);
  restart();
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  BOOST_TEST(device.handshakes == 1);
  BOOST_TEST(!said("rejected"));
}

// As behind a restored backup, which holds no sessions: nobody has to touch the device.
BOOST_AUTO_TEST_CASE(a_device_whose_session_is_not_known_any_more_comes_back_by_itself) {
  UdpOptions options;
  options.platform = 12;
  auto& device = start_udp_device(1, {module_for(12, 4, 1, 6200), module_for(12, 5, 2, 6, {4, 1, 6200})}, options);
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  kill();
  {
    auto db = database();
    db.connection().execute("DELETE FROM dtls_sessions");
  }
  restart();
  world.advance(5min);
  BOOST_TEST(row(1).connected);
  BOOST_TEST(device.handshakes == 2);
}

// A Pi without a battery clock wakes in 1970, hears the right time later, and corrections may go back: sessions have no
// age.
BOOST_AUTO_TEST_CASE(sessions_outlive_every_jump_of_the_clock) {
  constexpr std::int64_t day = 24 * 3'600'000;
  Clock::manual_wall_jump = -19'675 * day;
  UdpOptions options;
  options.platform = 12;
  auto& device = start_udp_device(1, {module_for(12, 4, 1, 6200), module_for(12, 5, 2, 6, {4, 1, 6200})}, options);
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  for (const auto jump : {std::int64_t{0}, -day, 400 * day, -19'675 * day}) {
    kill();
    Clock::manual_wall_jump = jump;
    restart();
    BOOST_TEST(demultiplexer().sessions() == 1u);
    world.advance(2min);
    BOOST_TEST(row(1).connected);
  }
  BOOST_TEST(device.handshakes == 1);
}

// Of a device that nobody approved nothing is written but its first row, its session neither; from its approval on it
// is kept.
BOOST_AUTO_TEST_CASE(a_session_is_written_down_from_its_approval_on) {
  configuration.policy = state::Policy::approve;
  UdpOptions options;
  options.platform = 12;
  auto& device = start_udp_device(1, {module_for(12, 4, 1, 6200), module_for(12, 5, 2, 6, {4, 1, 6200})}, options);
  BOOST_REQUIRE(run_until_state(1, "awaiting_approval", 1min));
  world.advance(5min);
  const auto sessions = [this] {
    auto db = database();
    return store::query_integer(db, "SELECT count(*) FROM dtls_sessions");
  };
  BOOST_TEST(sessions() == 0);
  approve(id_of(1));
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  world.advance(1min);
  BOOST_TEST(sessions() == 1);
  kill();
  restart();
  world.advance(2min);
  BOOST_TEST(row(1).connected);
  BOOST_TEST(device.handshakes == 1);
}

// Two hosts with one identity take the session from each other: that is said.
BOOST_AUTO_TEST_CASE(two_udp_devices_with_one_id_are_told) {
  UdpOptions options;
  options.platform = 12;
  options.id[11] = 1;
  const std::vector<Bytes> modules{module_for(12, 4, 1, 6200), module_for(12, 5, 2, 6, {4, 1, 6200})};
  const Bytes key(32, 7);
  (void)start_udp_device(1, modules, options, key);
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  (void)start_udp_device(2, modules, options, key);
  BOOST_TEST(run_until(1h, [&] { return said("two devices have this id and key"); }));
}

BOOST_AUTO_TEST_SUITE_END()
