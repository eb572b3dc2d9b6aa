// What a device may cost that nobody asked for, or that means no good: bounded, whatever it says and however often it
// comes.
#include "server/as_json.hpp"
#include "server/commands.hpp"
#include "base/limits.hpp"
#include "store/modules.hpp"
#include "store/statement.hpp"
#include "support/any_engine.hpp"
#include "support/test_system.hpp"
#include "support/worst_describe.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;
using virtual_device::Options;

namespace {

// From 3.3 on a long Describe comes in blocks.
Options in_blocks() {
  Options options;
  options.release = virtual_device::Release::v3_3();
  return options;
}

struct HostileSystem : TestSystem {
  std::int64_t number(const std::string& sql) {
    auto db = database();
    return store::query_integer(db, sql);
  }
  // Of everything the store holds about devices, texts and blobs.
  std::int64_t stored_bytes() {
    return number(
        "SELECT (SELECT coalesce(sum(length(state_words) + length(application) + length(public_key) + 200), 0) FROM "
        "devices) + "
        "(SELECT coalesce(sum(length(sha256) + length(dependencies) + 60), 0) FROM device_modules)");
  }
  const server::DeviceEntry& member(int number) {
    return server().fleet().at(*transport::DeviceId::parse(id_of(number)));
  }
  void reload() {
    world.spawn([this]() -> asio::awaitable<void> { (void)co_await server().apply_changes(); });
    world.run_until_idle();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(hostile_devices, HostileSystem)

BOOST_AUTO_TEST_CASE(a_device_that_waits_for_approval_costs_little_whatever_it_says) {
  configuration.policy = state::Policy::approve;
  auto& device = start_device(1, {system_part(1, 3)}, in_blocks());
  device.faults.describes = [](int n) { return worst_describe(n); };
  device.faults.describe_flood = 20;
  link.delay_max = 20ms;
  world.advance(5min);
  const auto rows_before = number("SELECT count(*) FROM history");
  const auto log_before = log.size();
  BOOST_TEST(member(1).row.state == "awaiting_approval");
  BOOST_TEST(server::device_as_json(member(1)).size() <= limits::pending_device / 8);
  BOOST_TEST(member(1).plan.missing.empty());
  BOOST_TEST(stored_bytes() <= 1024);
  // It comes and goes: nothing more is written.
  for (int i = 0; i < 5; ++i) {
    auto db = database();
    const auto changes = writes_of_others(db);
    device.faults.reset_at = 1;
    device.faults.resets = 1;
    world.advance(10s);
    BOOST_TEST(writes_of_others(db) == changes);
  }
  BOOST_TEST(number("SELECT count(*) FROM history") == rows_before);
  BOOST_TEST(log.size() - log_before < 100u);
  BOOST_TEST(!row(1).connected);  // in the store it never says otherwise

  // What it said is planned with once it is let in.
  device.faults.describes = {};
  device.faults.describe_flood = 0;
  device.faults.resets = 1;
  approve(id_of(1));
  BOOST_REQUIRE(run_until_state(1, "current", 5min));
  BOOST_TEST(row(1).connected);
}

BOOST_AUTO_TEST_CASE(a_device_is_asked_to_describe_itself_when_it_has_been_approved) {
  configuration.policy = state::Policy::approve;
  Options options;
  options.release = virtual_device::Release::v0_6();
  auto& device = start_device(1, {system_part(1, 3)}, options);
  int described = 0;
  device.faults.describes = [&](int n) {
    described = n;
    return Bytes{};
  };
  world.advance(5min);
  reload();  // somebody changes something else meanwhile
  world.advance(1min);
  BOOST_TEST(member(1).row.state == "awaiting_approval");
  BOOST_TEST(described == 0);
  device.faults.describes = {};
  approve(id_of(1));
  BOOST_REQUIRE(run_until_state(1, "current", 5min));
}

BOOST_AUTO_TEST_CASE(an_approved_device_is_bounded_too) {
  auto& device = start_device(1, {system_part(1, 3)}, in_blocks());
  device.faults.describes = [](int n) { return worst_describe(n); };
  BOOST_REQUIRE(run_until_state(1, "blocked", 1min));
  world.advance(10s);
  BOOST_TEST(server::device_as_json(member(1)).size() <= limits::approved_device);
  BOOST_TEST(stored_bytes() <= static_cast<std::int64_t>(limits::approved_device));
  BOOST_TEST(member(1).plan.missing.size() == limits::missing_modules_per_plan);
  BOOST_TEST(member(1).plan.missing_more > 0u);
  BOOST_TEST(member(1).row.state_words.find(" more") != std::string::npos);
  BOOST_TEST(member(1).row.state_words.size() <= limits::message_length);
}

BOOST_AUTO_TEST_CASE(a_device_that_describes_itself_anew_all_the_time_fills_neither_log_nor_disk) {
  auto& device = start_device(1, {system_part(1, 3)}, in_blocks());
  device.faults.describes = [](int n) { return worst_describe(n); };
  device.faults.describe_flood = 60;
  link.delay_max = 10ms;
  world.advance(2min);
  BOOST_TEST(device.connected);
  BOOST_TEST(log.size() < 120u);
  std::size_t bytes = 0;
  for (const auto& line : log) bytes += line.size();
  BOOST_TEST(bytes < 40'000u);
  BOOST_TEST(number("SELECT count(*) FROM history") < 120);
  BOOST_TEST(number("SELECT max(length(words)) FROM history") <= static_cast<std::int64_t>(limits::message_length));
  BOOST_TEST(number("SELECT count(*) FROM updates") < 60);
  // What was merged is there in the end.
  world.advance(2min);
  BOOST_TEST(number("SELECT count(*) FROM device_modules WHERE device_id = '" + id_of(1) + "'") ==
      static_cast<std::int64_t>(limits::modules_per_describe));
}

BOOST_AUTO_TEST_CASE(coming_again_and_again_does_not_pass_the_budget_by) {
  auto& device = start_device(1, {system_part(1, 3), user_part(1, {4, 1, 3})});
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  device.faults.reset_at = 3;
  device.faults.resets = 100'000;
  world.advance(20min);
  BOOST_TEST(device.connections > 300);
  BOOST_TEST(number("SELECT count(*) FROM history") < 500);
  BOOST_TEST(log.size() < 600u);
  BOOST_TEST(said("left out before this: the device makes too many lines"));
}

// Two claims for one unknown id, each with a key of its own: both get through their handshakes, one of them in.
BOOST_AUTO_TEST_CASE(of_two_keys_for_one_unknown_id_only_the_first_is_served) {
  add_firmware(system_part(1, 3));
  const auto start = [&](int key) {
    Options options;
    options.id[11] = 9;
    options.server_key = server_key().public_key_spki();
    virtual_device::Flash flash(6);
    flash.put(system_part(1, 1));
    flash.put(user_part(1, {4, 1, 3}));
    return std::make_unique<virtual_device::VirtualDevice>(options, device_key(key), std::move(flash));
  };
  auto first = start(1), second = start(2);
  link.delay_max = 50ms;
  for (auto* device : {first.get(), second.get()}) run(*device);
  world.advance(5min);
  const bool first_won = row(9).public_key == device_key(1).public_key_spki();
  const auto& winner = first_won ? *first : *second;
  const auto& loser = first_won ? *second : *first;
  BOOST_TEST(winner.applied.size() == 1u);
  BOOST_TEST(loser.applied.empty());
  BOOST_TEST(loser.images_received == 0);
  BOOST_TEST((row(9).changed_key == (first_won ? device_key(2) : device_key(1)).public_key_spki()));
  first->stop();
  second->stop();
  world.run_until_idle();
}

// Whoever approved two of them is to see the third.
BOOST_AUTO_TEST_CASE(a_key_that_comes_behind_approved_ones_is_told_too) {
  auto& first = start_device(1, {system_part(1, 3), user_part(1, {4, 1, 3})});
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  first.stop();
  for (const int key : {2, 3, 4}) {
    Options options;
    options.id[11] = 1;
    options.server_key = server_key().public_key_spki();
    virtual_device::VirtualDevice other(options, device_key(key), virtual_device::Flash(6));
    run(other);
    world.advance(10s);
    const auto came = device_key(key).public_key_spki();
    BOOST_TEST((row(1).changed_key == came), "key " << key);
    other.stop();
    world.run_until_idle();
    auto db = database();
    BOOST_TEST(server::commands::approve(db, id_of(1), to_hex(crypto::sha256(came)).substr(0, 16)).has_value());
    world.spawn([this]() -> asio::awaitable<void> { (void)co_await server().apply_changes(); });
    world.run_until_idle();
  }
}

// It is told once, kept in sight, and pushes nothing out; and only the one that was looked at is trusted.
BOOST_AUTO_TEST_CASE(a_changed_key_is_told_once_and_approved_by_its_fingerprint) {
  auto& device = start_device(1, {system_part(1, 3), user_part(1, {4, 1, 3})});
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  Options options;
  options.id[11] = 1;
  options.server_key = server_key().public_key_spki();
  virtual_device::VirtualDevice other(options, device_key(2), virtual_device::Flash(6));
  run(other);
  world.advance(10min);
  BOOST_TEST(other.connections > 100);
  BOOST_TEST(number("SELECT count(*) FROM history WHERE kind = 'changed_key'") == 1);
  BOOST_TEST(std::count_if(log.begin(), log.end(),
                 [](const auto& line) { return line.find("another key") != std::string::npos; }) == 1);
  BOOST_TEST(number("SELECT count(*) FROM history WHERE kind IN ('first_seen', 'connected')") >= 1);
  other.stop();
  world.run_until_idle();
  auto db = database();
  const auto fingerprint = to_hex(crypto::sha256(device_key(2).public_key_spki()));
  BOOST_TEST((server::commands::approve(db, id_of(1), std::string(16, '0')).error().kind == ErrorKind::conflict));
  BOOST_TEST((server::commands::approve(db, id_of(1), "1234").error().kind == ErrorKind::malformed));
  BOOST_TEST((row(1).public_key == device_key(1).public_key_spki()));
  BOOST_TEST(server::commands::approve(db, id_of(1), fingerprint.substr(0, 16)).has_value());
  BOOST_TEST((row(1).public_key == device_key(2).public_key_spki()));
  (void)device;
}

// Attempts are counted by the version a module replaces: one that names another each time would be sent it for ever.
BOOST_AUTO_TEST_CASE(a_device_that_reports_another_version_each_time_is_parked) {
  add_firmware(system_part(1, 500));
  auto& device = start_device(1, {system_part(1, 1)});
  device.faults.forgets_updates = true;
  device.faults.describes = [](int n) {
    const auto text = fmt::format(
        "{{\"p\":6,\"m\":[{{\"f\":\"s\",\"n\":\"1\",\"v\":{},\"l\":\"m\",\"d\":[]}},{{\"f\":\"u\",\"n\":\"1\",\"v\":6,"
        "\"l\":\"m\",\"d\":[{{\"f\":\"s\",\"n\":\"1\",\"v\":500}}]}}]}}",
        n % 400 + 1);
    return Bytes(text.begin(), text.end());
  };
  BOOST_REQUIRE(run_until_state(1, "parked", 12h));
  BOOST_TEST(device.images_received <= planning::max_sends);
  BOOST_TEST(member(1).row.state_words.find("within a day") != std::string::npos);
  // A restart, and a clock that says anything, change nothing about it.
  kill();
  restart();
  world.advance(1h);
  BOOST_TEST(device.images_received <= planning::max_sends);
  // A person may say: again.
  {
    auto db = database();
    server::commands::retry(db, id_of(1));
  }
  reload();
  const auto before = device.images_received;
  BOOST_REQUIRE(run_until(1h, [&] { return device.images_received > before; }));
}

BOOST_AUTO_TEST_CASE(a_device_that_goes_back_each_time_is_parked) {
  add_firmware(system_part(1, 3));
  auto& device = start_device(1, {system_part(1, 1), user_part(1, {4, 1, 3})});
  device.faults.reverts = 1'000;
  BOOST_REQUIRE(run_until_state(1, "parked", 12h));
  BOOST_TEST(static_cast<int>(device.applied.size()) == planning::max_sends);
}

// The connection ends behind UpdateDone: the device may have heard it, or not.
BOOST_AUTO_TEST_CASE(what_was_not_confirmed_is_said_so_and_tried_again_at_once) {
  add_firmware(system_part(1, 2003));
  auto& device = start_device(1, {system_part(1, 2001), user_part(1, {4, 1, 2003})});
  device.faults.closes_at_done = 2;
  const auto began = Clock::now();
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  BOOST_TEST(std::chrono::duration<double>(Clock::now() - began).count() < 60.0);  // no pause of a minute
  BOOST_TEST(said("the connection ended before the device confirmed it"));
  BOOST_TEST(!said("and still reports"));
  BOOST_TEST(number("SELECT count(*) FROM attempts") == 0);
}

BOOST_AUTO_TEST_CASE(a_transfer_that_stands_still_lets_others_go_first_and_ends_in_the_end) {
  configuration.concurrent_updates = 1;
  add_firmware(system_part(1, 3, {}, 30'000));
  Options slow;
  slow.takes_fast_ota = false;
  slow.chunk_timeout = 55s;
  auto& hung = start_device(1, {system_part(1, 1), user_part(1, {4, 1, 3})}, slow);
  world.advance(20s);
  BOOST_TEST(member(1).transfer.has_value());
  (void)start_device(2, {system_part(1, 1), user_part(1, {4, 1, 3})});
  BOOST_TEST(run_until_state(2, "current", 2min));
  BOOST_TEST(said("makes no progress"));
  BOOST_REQUIRE(run_until_state(1, "parked", 12h));
  BOOST_TEST(row(1).state_words.find("takes longer than any device needs") != std::string::npos);
  BOOST_TEST(hung.applied.empty());
}

BOOST_AUTO_TEST_CASE(an_update_that_the_application_disabled_can_be_forced) {
  add_firmware(system_part(1, 3));
  auto& device = start_device(1, {system_part(1, 1), user_part(1, {4, 1, 3})});
  device.faults.updates_disabled = true;
  BOOST_REQUIRE(run_until_state(1, "updates_disabled", 1min));
  BOOST_TEST(row(1).state_words.find("drydock devices force") != std::string::npos);
  {
    auto db = database();
    server::commands::force(db, id_of(1), true);
  }
  reload();
  BOOST_REQUIRE(run_until_state(1, "current", 5min));
  BOOST_TEST(device.forced);
  world.advance(10s);
  BOOST_TEST(!row(1).forced);  // for this update only
}

BOOST_AUTO_TEST_CASE(two_devices_with_one_id_are_told) {
  (void)start_device(1, {system_part(1, 3), user_part(1, {4, 1, 3})});
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  (void)start_device(1, {system_part(1, 3), user_part(1, {4, 1, 3})});
  world.advance(10min);
  BOOST_TEST(said("two devices have this id and key"));
}

// What people decide about a device takes effect at once, connected or not.
BOOST_AUTO_TEST_CASE(a_device_that_is_held_or_refused_gets_nothing) {
  add_firmware(system_part(1, 3));
  auto& device = start_device(1, {system_part(1, 3), user_part(1, {4, 1, 3})});
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  {
    auto db = database();
    server::commands::hold(db, id_of(1), true);
  }
  reload();
  add_firmware(system_part(1, 5));
  {
    auto db = database();
    (void)server::commands::add_target(db, *store::load_device(db, id_of(1)), "module.bin");
    const auto library = store::load_library(db);
    for (const auto* module : library.all())
      if (module->version == 5)
        BOOST_REQUIRE(server::commands::add_target(db, *store::load_device(db, id_of(1)), module->sha256).has_value());
  }
  reload();
  world.advance(5min);
  BOOST_TEST(device.images_received == 0);
  BOOST_TEST(member(1).row.state_words.find("paused") != std::string::npos);
  {
    auto db = database();
    server::commands::refuse(db, id_of(1));
  }
  reload();
  world.advance(1s);
  BOOST_TEST(server().sessions() == 0u);
  world.advance(1min);
  BOOST_TEST(!device.connected);
}

// Running time is written down with the attempt whose beginning it dates.
BOOST_AUTO_TEST_CASE(what_was_counted_does_not_lie_in_the_future_behind_a_crash) {
  (void)start_device(1, {system_part(1, 1), user_part(1, {4, 1, 3})});
  BOOST_REQUIRE(run_until_state(1, "blocked", 1min));
  world.advance(2min);
  add_firmware(system_part(1, 3, {}, 100'000));
  BOOST_REQUIRE(run_until(1min, [&] { return number("SELECT count(*) FROM attempts") > 0; }));
  BOOST_TEST(number("SELECT (SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM settings WHERE key = 'running_ms') "
                    ">= (SELECT max(last_started) FROM attempts)") == 1);
}

BOOST_AUTO_TEST_SUITE_END()
