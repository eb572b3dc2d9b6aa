// Whole updates: server and virtual devices in one process, on a virtual clock.
#include "support/any_engine.hpp"
#include "support/test_system.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include "store/sqlite_engine.hpp"
#include "store/statement.hpp"
#include <SQLiteCpp/SQLiteCpp.h>
#include <cstdlib>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;
using virtual_device::Options;
using virtual_device::Release;

namespace {

using Applied = std::vector<std::string>;

struct PhotonSystem : TestSystem {
  // The stuck Photon of the README: parts of version 1, an application that needs version 3.
  const std::vector<Bytes> stuck{
      bootloader(3), system_part(1, 1), system_part(2, 1, {4, 1, 1}), user_part(6, {4, 2, 3})};
  void add_version_3() {
    add_firmware(system_part(1, 3, {}, 24'873), "part1.bin");
    add_firmware(system_part(2, 3, {4, 1, 3}, 15'050), "part2.bin");
  }
};

struct ReleaseCase {
  const char* name;
  Release release;
  bool fast;
};
std::ostream& operator<<(std::ostream& os, const ReleaseCase& release_case) {
  return os << release_case.name;
}

const ReleaseCase release_cases[] = {
    {"0.5, normal", Release::v0_5(), false},
    {"0.6, normal", Release::v0_6(), false},
    {"0.6, fast", Release::v0_6(), true},
    {"2.3, normal", Release::v2_3(), false},
    {"2.3, fast", Release::v2_3(), true},
    {"3.3, fast", Release::v3_3(), true},
    {"3.3, normal", Release::v3_3(), false},
    {"6.2, fast", Release::v6_2(), true},
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(whole_update, PhotonSystem)

BOOST_AUTO_TEST_CASE(a_photon_in_safe_mode_is_brought_up_to_date_part_by_part) {
  add_version_3();
  auto& device = start_device(1, stuck);
  BOOST_REQUIRE(device.flash().safe_mode());
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  BOOST_TEST(device.applied == (Applied{"s1@3", "s2@3"}), boost::test_tools::per_element());
  BOOST_TEST(!device.flash().safe_mode());
  BOOST_TEST(device.resets == 2);
  world.advance(5s);
  const auto done = steps(1);
  BOOST_REQUIRE(done.size() == 2u);
  for (const auto& step : done) {
    BOOST_TEST(step.state == "verified");
    BOOST_TEST(step.bytes_acknowledged == step.bytes_total);
  }
  BOOST_TEST(row(1).state == "current");
  BOOST_TEST(row(1).connected);
  BOOST_TEST(row(1).application.find("brew") != std::string::npos);
}

BOOST_DATA_TEST_CASE(every_release_of_device_os_is_served, boost::unit_test::data::make(release_cases), release_case) {
  add_version_3();
  Options options;
  options.release = release_case.release;
  options.takes_fast_ota = release_case.fast;
  options.erase_time = 3s;
  options.chunk_timeout = 5ms;
  auto& device = start_device(1, stuck, options);
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  BOOST_TEST(device.applied == (Applied{"s1@3", "s2@3"}), boost::test_tools::per_element());
  BOOST_TEST(device.time_received > 1'700'000'000u);
}

// Small pieces, long delays: nothing may depend on how the network cuts the stream.
BOOST_DATA_TEST_CASE(
    a_network_that_delays_and_fragments_changes_nothing, boost::unit_test::data::xrange(1u, 6u), seed) {
  world.random.engine().seed(seed);
  link.delay_max = 40ms;
  link.piece_max = 200;
  add_version_3();
  auto& device = start_device(1, stuck);
  BOOST_REQUIRE(run_until_state(1, "current", 30min));
  BOOST_TEST(device.applied == (Applied{"s1@3", "s2@3"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(lost_and_damaged_chunks_are_sent_again) {
  for (const bool fast : {true, false})
    for (const auto& release : {Release::v0_6(), Release::v2_3()}) {
      TestSystem system;
      system.add_firmware(system_part(1, 3, {}, 60'000));
      Options options;
      options.takes_fast_ota = fast;
      options.release = release;
      auto& device = system.start_device(1, {system_part(1, 1), user_part(1, {4, 1, 3})}, options);
      if (fast) device.faults.drop_chunks = {0, 3, 50, 116, 117};
      device.faults.corrupt_chunks = {1, 60};
      BOOST_REQUIRE(system.run_until_state(1, "current", 20min));
      BOOST_TEST(device.resets == 1);
      BOOST_TEST(system.steps(1).size() == 1u);
    }
}

// An SD card is not written for every chunk: at most every 64 KiB, or every 5 s of a slow transfer.
BOOST_AUTO_TEST_CASE(progress_is_written_rarely, *boost::unit_test::precondition(on_sqlite)) {
  add_firmware(system_part(1, 3, {}, 200'000));
  {
    auto db = database();
    db.sqlite().sql().exec(
        "CREATE TABLE seen (bytes INTEGER); CREATE TRIGGER watch AFTER UPDATE OF bytes_acknowledged ON update_steps "
        "WHEN NEW.state = 'sending' AND NEW.bytes_acknowledged > 0 BEGIN INSERT INTO seen VALUES "
        "(NEW.bytes_acknowledged); END");
  }
  Options options;
  options.takes_fast_ota = false;
  options.chunk_timeout = 5ms;  // 391 chunks in about 2 s
  (void)start_device(1, {system_part(1, 1), user_part(1, {4, 1, 3})}, options);
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  auto db = database();
  const int writes = store::query_integer(db, "SELECT count(*) FROM seen");
  BOOST_TEST(writes >= 3);
  BOOST_TEST(writes <= 4);
}

BOOST_AUTO_TEST_CASE(a_connected_device_is_kept_content_for_days) {
  auto& device = start_device(1, {system_part(1, 3), user_part(1, {4, 1, 3})});
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  world.advance(48h);
  BOOST_TEST(device.connected);
  BOOST_TEST(device.connections == 1);
  BOOST_TEST(device.last_failure == "silence");  // it pinged after each, and was answered
}

BOOST_AUTO_TEST_CASE(a_device_that_falls_silent_is_let_go) {
  auto& device = start_device(1, {system_part(1, 3), user_part(1, {4, 1, 3})});
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  device.faults.silent_at = 3;
  world.advance(90s);
  BOOST_TEST(server().sessions() == 0u);
  BOOST_TEST(said("the device fell silent"));
  BOOST_TEST(!row(1).connected);
}

BOOST_AUTO_TEST_CASE(a_reset_in_the_middle_of_a_transfer_is_made_good) {
  add_version_3();
  Options options;
  options.takes_fast_ota = false;
  auto& device = start_device(1, stuck, options);
  device.faults.reset_at = 20;
  BOOST_REQUIRE(run_until_state(1, "current", 20min));
  BOOST_TEST(device.applied == (Applied{"s1@3", "s2@3"}), boost::test_tools::per_element());
  const auto done = steps(1);
  BOOST_TEST(done[0].state == "failed");
  BOOST_TEST(done[0].error.find("the connection") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_device_that_forgets_what_it_took_is_parked_with_the_reason) {
  add_version_3();
  auto& device = start_device(1, stuck);
  device.faults.forgets_updates = true;
  BOOST_REQUIRE(run_until_state(1, "parked", 1h));
  BOOST_TEST(device.images_received == 3);
  BOOST_TEST(row(1).state_words.find("system part 1 version 3 (0.4.3) was tried 3 times: the device took system part 1 "
                                     "version 3 (0.4.3) and still reports version 1") != std::string::npos);
  world.advance(24h);
  BOOST_TEST(device.images_received == 3);
  // A person says retry; the device has come to its senses.
  device.faults.forgets_updates = false;
  {
    auto db = database();
    store::allow_again(db, id_of(1));
  }
  approve(id_of(1));
  BOOST_REQUIRE(run_until_state(1, "current", 20min));
}

BOOST_AUTO_TEST_CASE(a_missing_file_blocks_by_name_and_adding_it_goes_on_at_once) {
  add_firmware(system_part(2, 3, {4, 1, 3}), "part2.bin");
  auto& device = start_device(1, stuck);
  BOOST_REQUIRE(run_until_state(1, "blocked", 1min));
  BOOST_TEST(row(1).state_words ==
      "missing in the library: Photon system part 1 version 3 (Device OS 0.4.3): system part 2 version 3 (0.4.3) needs "
      "system part 1 version 3 (0.4.3)");
  world.advance(10min);
  BOOST_TEST(device.images_received == 0);
  add_firmware(system_part(1, 3), "part1.bin");
  BOOST_REQUIRE(run_until_state(1, "current", 2min));
}

BOOST_AUTO_TEST_CASE(an_unknown_device_waits_for_approval_and_is_then_served_on_the_same_connection) {
  configuration.policy = state::Policy::approve;
  add_version_3();
  auto& device = start_device(1, stuck);
  BOOST_REQUIRE(run_until_state(1, "awaiting_approval", 1min));
  world.advance(1h);
  BOOST_TEST(device.images_received == 0);
  BOOST_TEST(device.connections == 1);
  BOOST_TEST(row(1).approval == "pending");
  approve(id_of(1));
  BOOST_REQUIRE(run_until_state(1, "current", 5min));
}

BOOST_AUTO_TEST_CASE(a_changed_key_is_refused_and_shown) {
  auto& first = start_device(1, {system_part(1, 3), user_part(1, {4, 1, 3})});
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  const auto key = row(1).public_key;
  // Another key under the same id: device number 1 with the key of number 2.
  virtual_device::Options options;
  options.id[11] = 1;
  options.server_key = server_key().public_key_spki();
  virtual_device::VirtualDevice thief(options, device_key(2), virtual_device::Flash(6));
  run(thief);
  world.advance(30s);
  BOOST_TEST(!thief.connected);
  BOOST_TEST(first.connected);
  BOOST_TEST(first.connections == 1);
  BOOST_TEST((row(1).public_key == key));
  BOOST_TEST((row(1).changed_key == device_key(2).public_key_spki()));
  BOOST_TEST(said("came from elsewhere with another key than the one on file"));
  thief.stop();
  world.run_until_idle();
}

BOOST_AUTO_TEST_CASE(a_second_connection_of_the_same_device_replaces_the_first) {
  auto& first = start_device(1, {system_part(1, 3), user_part(1, {4, 1, 3})});
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  first.faults.silent_at = 1;  // its end of the old connection hangs
  auto& second = start_device(1, {system_part(1, 3), user_part(1, {4, 1, 3})});
  world.advance(5s);
  BOOST_TEST(second.connected);
  BOOST_TEST(server().sessions() == 1u);
  BOOST_TEST(row(1).connected);
}

BOOST_AUTO_TEST_CASE(devices_wait_for_their_turn_and_all_get_it) {
  configuration.concurrent_updates = 2;
  add_version_3();
  Options options;
  options.erase_time = 2s;
  for (int i = 1; i <= 7; ++i) start_device(i, stuck, options);
  std::size_t most = 0;
  BOOST_REQUIRE(run_until(30min, [&] {
    std::size_t sending = 0;
    std::size_t current = 0;
    for (const auto& [id, member] : server().fleet()) {
      sending += member.transfer.has_value();
      current += member.row.state == "current";
    }
    most = std::max(most, sending);
    return current == 7;
  }));
  BOOST_TEST(most == 2u);
}

// 0.8 to 2.x say whether they take updates a moment after their Describe.
BOOST_AUTO_TEST_CASE(a_slow_talker_is_heard_out_before_anything_is_sent) {
  link.delay_max = 400ms;
  add_version_3();
  auto& device = start_device(1, stuck);
  device.faults.updates_disabled = true;
  BOOST_REQUIRE(run_until_state(1, "updates_disabled", 1min));
  world.advance(10min);
  BOOST_TEST(steps(1).empty());
}

// A device that asks by itself and again when it is asked must be understood both ways.
BOOST_AUTO_TEST_CASE(many_lost_chunks_take_several_rounds) {
  for (const auto& release : {Release::v0_6(), Release::v2_3()}) {
    TestSystem system;
    system.add_firmware(system_part(1, 3, {}, 100'000));
    Options options;
    options.release = release;
    auto& device = system.start_device(1, {system_part(1, 1), user_part(1, {4, 1, 3})}, options);
    for (std::size_t i = 0; i < 195; i += 2) device.faults.drop_chunks.insert(i);
    BOOST_REQUIRE(system.run_until_state(1, "current", 20min));
    BOOST_TEST(system.steps(1).size() == 1u);
  }
}

BOOST_AUTO_TEST_CASE(a_device_cannot_make_the_chunks_absurdly_small) {
  device::ReportedState reported;
  for (const std::uint16_t said : {0, 1, 127, 130, 513, 1024, 65535}) {
    reported.chunk_size = said;
    BOOST_TEST(reported.usable_chunk_size() == 512);
  }
  reported.chunk_size = 256;
  BOOST_TEST(reported.usable_chunk_size() == 256);
}

BOOST_AUTO_TEST_CASE(a_target_application_is_sent_behind_its_system_parts) {
  add_version_3();
  const auto application = user_part(9, {4, 2, 3}, 7);
  add_firmware(application, "application.bin");
  (void)start_device(1, {bootloader(3), system_part(1, 1), system_part(2, 1, {4, 1, 1}), user_part(6, {4, 2, 1})});
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  {
    auto db = database();
    store::save_target(db, id_of(1), {{firmware::Function::user_part, 1}, 9, to_hex(crypto::sha256(application))});
  }
  approve(id_of(1));
  BOOST_REQUIRE(run_until(10min, [&] { return steps(1).size() == 3 && steps(1).back().state == "verified"; }));
  BOOST_TEST(steps(1)[0].key.name() == "system part 1");
  BOOST_TEST(steps(1)[2].key.name() == "application");
}

BOOST_AUTO_TEST_CASE(a_forgotten_device_is_disconnected_and_comes_back_unknown) {
  configuration.policy = state::Policy::approve;
  auto& device = start_device(1, {system_part(1, 3), user_part(1, {4, 1, 3})});
  BOOST_REQUIRE(run_until_state(1, "awaiting_approval", 1min));
  approve(id_of(1));
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  {
    auto db = database();
    store::forget_device(db, id_of(1));
  }
  world.spawn([this]() -> asio::awaitable<void> { (void)co_await server().apply_changes(); });
  world.advance(10s);
  BOOST_TEST(device.connections == 2);
  BOOST_TEST(row(1).approval == "pending");
}

BOOST_AUTO_TEST_CASE(the_real_photon_modules_lead_out_of_safe_mode) {
  const char* folder_name = std::getenv("DRYDOCK_FIRMWARE_DIR");
  if (!folder_name) {
    BOOST_TEST_MESSAGE("DRYDOCK_FIRMWARE_DIR is not set: no real modules to try");
    return;
  }
  const auto real = [&](const char* name) {
    return *firmware::read_file(std::filesystem::path(folder_name) / name, 1 << 20);
  };
  add_firmware(real("043_system-part1.bin"), "043_system-part1.bin");
  add_firmware(real("043_system-part2.bin"), "043_system-part2.bin");
  auto& device =
      start_device(1, {real("040_system-part1.bin"), real("040_system-part2.bin"), real("043_user-part.bin")});
  BOOST_REQUIRE(device.flash().safe_mode());
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  BOOST_TEST(device.applied == (Applied{"s1@3", "s2@3"}), boost::test_tools::per_element());
  BOOST_TEST(!device.flash().safe_mode());
}

BOOST_AUTO_TEST_SUITE_END()
