// Rules for groups, platforms and the fleet on a virtual clock: which devices are brought to what, and when.
#include "server/commands.hpp"
#include "server/policies.hpp"
#include "server/releases.hpp"
#include "server/rollouts.hpp"
#include "store/modules.hpp"
#include "store/updates.hpp"
#include "support/test_system.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;
using planning::TargetKind;
using store::PolicyScope;

namespace {

const planning::WindowWords never{"", "", "2025-01-01/2099-12-31"};

struct Rules : TestSystem {
  Rules() {
    for (const std::uint16_t version : {3, 7}) {
      add_firmware(system_part(1, version), "s1-" + std::to_string(version) + ".bin");
      add_firmware(system_part(2, version, {4, 1, version}), "s2-" + std::to_string(version) + ".bin");
    }
    add_firmware(user_part(7, {4, 2, 3}), "app7.bin");
  }
  void start(int number) {
    start_device(number, {system_part(1, 3), system_part(2, 3, {4, 1, 3}), user_part(6, {4, 2, 3})});
    BOOST_REQUIRE(run_until(1min, [&] { return row(number).state != "unknown" && row(number).connected; }));
  }
  /// As the command line does it.
  void change(const std::function<void(store::Database&)>& work) {
    auto db = database();
    const auto done = db.transact([&](store::Database& open) -> Result<void> {
      work(open);
      return {};
    });
    BOOST_REQUIRE(done.has_value());
    world.spawn([this]() -> asio::awaitable<void> { (void)co_await server().apply_changes(); });
    world.run_until_idle();
  }
  void say(store::PolicyRow row) {
    change([&](store::Database& db) {
      const auto saved = server::save_policy(db, row);
      BOOST_REQUIRE_MESSAGE(saved.has_value(), (saved ? "" : saved.error().message));
    });
  }
  int system(int number) {
    auto db = database();
    for (const auto& module : store::load_modules(db, id_of(number)))
      if (module.key == firmware::ModuleKey{firmware::Function::system_part, 2}) return module.version;
    return 0;
  }
  bool comes_to(int number, int version) {
    return run_until(10min, [&] { return system(number) == version && row(number).state == "current"; });
  }
  bool stays_at(int number, int version) {
    run_until(20min, [] { return false; });
    return system(number) == version;
  }
};

store::PolicyRow of(PolicyScope scope, const std::string& subject) {
  store::PolicyRow row;
  row.scope = scope;
  row.subject = subject;
  return row;
}
store::PolicyRow target(PolicyScope scope, const std::string& subject, TargetKind kind) {
  auto row = of(scope, subject);
  row.target = kind;
  return row;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(update_policies, Rules)

BOOST_AUTO_TEST_CASE(the_more_particular_rule_is_followed) {
  for (int number = 1; number <= 3; ++number) start(number);
  change([&](store::Database& db) {
    store::set_group(db, id_of(2), "greenhouse");
    store::set_group(db, id_of(3), "greenhouse");
  });
  say(target(PolicyScope::group, "greenhouse", TargetKind::needs));
  say(target(PolicyScope::device, id_of(3), TargetKind::latest));
  say(target(PolicyScope::fleet, "", TargetKind::latest));
  BOOST_TEST(comes_to(1, 7));  // as all
  BOOST_TEST(comes_to(3, 7));  // though its group
  BOOST_TEST(stays_at(2, 3));  // as its group
  auto db = database();
  BOOST_TEST(store::load_update_policy(db, id_of(1)).targets.standing->rule == "all devices");
  BOOST_TEST(store::load_update_policy(db, id_of(2)).targets.standing->rule == "group 'greenhouse'");
  BOOST_TEST(store::load_update_policy(db, id_of(3)).targets.standing->rule == "this device");
  // It leaves the group, and follows what is said of all.
  change([&](store::Database& open) { store::set_group(open, id_of(2), ""); });
  BOOST_TEST(comes_to(2, 7));
}

BOOST_AUTO_TEST_CASE(a_group_is_held_back_and_one_of_it_is_not) {
  for (int number = 1; number <= 2; ++number) {
    start(number);
    change([&](store::Database& db) { store::set_group(db, id_of(number), "greenhouse"); });
  }
  auto held = target(PolicyScope::group, "greenhouse", TargetKind::latest);
  held.held = true;
  auto free = of(PolicyScope::device, id_of(2));
  free.held = false;
  say(free);
  say(held);
  BOOST_TEST(comes_to(2, 7));
  BOOST_TEST(stays_at(1, 3));
  BOOST_TEST(row(1).state == "waiting");
  BOOST_TEST(row(1).state_words == "paused: by the rule for group 'greenhouse'");
  held.held = std::nullopt;
  say(held);
  BOOST_TEST(comes_to(1, 7));
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_outside_the_hours_unless_it_is_forced) {
  for (int number = 1; number <= 2; ++number) start(number);
  auto rule = target(PolicyScope::fleet, "", TargetKind::latest);
  rule.window = never;
  say(rule);
  BOOST_TEST(stays_at(1, 3));
  BOOST_TEST(row(1).state_words.find("waits for the hours of all devices") == 0u);
  BOOST_TEST(steps(1).empty());
  change([&](store::Database& db) { store::set_forced(db, id_of(2), true); });
  BOOST_TEST(comes_to(2, 7));
  BOOST_TEST(stays_at(1, 3));
  rule.window = {};
  say(rule);
  BOOST_TEST(comes_to(1, 7));
}

BOOST_AUTO_TEST_CASE(a_new_device_comes_into_its_group_and_follows_its_rule) {
  change([](store::Database& db) {
    store::GroupRule other;
    other.group = "elsewhere";
    other.addresses = "10.99.0.0/16";
    BOOST_TEST(server::add_group_rule(db, other).has_value());
    store::GroupRule photons;
    photons.group = "photons";
    photons.platform = 6;
    BOOST_TEST(server::add_group_rule(db, photons).has_value());
    store::GroupRule everyone;
    everyone.group = "everyone";
    BOOST_TEST((server::add_group_rule(db, everyone).error().kind == ErrorKind::malformed));
  });
  say(target(PolicyScope::group, "photons", TargetKind::latest));
  start(1);
  BOOST_TEST(row(1).group == "photons");
  BOOST_TEST(comes_to(1, 7));
}

BOOST_AUTO_TEST_CASE(a_device_that_waited_for_approval_comes_into_its_group_too) {
  configuration.policy = state::Policy::approve;
  restart();
  start_device(1, {system_part(1, 3), system_part(2, 3, {4, 1, 3}), user_part(6, {4, 2, 3})});
  BOOST_REQUIRE(run_until_state(1, "awaiting_approval", 1min));
  change([](store::Database& db) {
    store::GroupRule photons;
    photons.group = "photons";
    photons.platform = 6;
    BOOST_TEST(server::add_group_rule(db, photons).has_value());
    BOOST_TEST(server::apply_group_rules(db) == 0u);
  });
  auto held = target(PolicyScope::group, "photons", TargetKind::latest);
  held.held = true;
  say(held);
  change([](store::Database& db) { BOOST_TEST(server::commands::approve(db, id_of(1), "").has_value()); });
  BOOST_TEST(stays_at(1, 3));
  BOOST_TEST(row(1).group == "photons");
  BOOST_TEST(row(1).state_words == "paused: by the rule for group 'photons'");
}

BOOST_AUTO_TEST_CASE(a_device_whose_key_was_sent_before_follows_the_rules_of_its_platform) {
  change([](store::Database& db) {
    store::GroupRule photons;
    photons.group = "photons";
    photons.platform = 6;
    BOOST_TEST(server::add_group_rule(db, photons).has_value());
    BOOST_TEST(server::commands::register_key(db, id_of(1), device_key(1).public_key_spki(), 1).has_value());
  });
  auto held = target(PolicyScope::platform, "6", TargetKind::latest);
  held.held = true;
  say(held);
  start(1);
  BOOST_TEST(stays_at(1, 3));
  BOOST_TEST(row(1).group == "photons");
  BOOST_TEST(row(1).state_words == "paused: by the rule for platform Photon");
}

BOOST_AUTO_TEST_CASE(the_latest_is_sent_when_it_comes_into_the_library) {
  start(1);
  say(target(PolicyScope::fleet, "", TargetKind::latest));
  BOOST_REQUIRE(comes_to(1, 7));
  add_firmware(system_part(1, 9), "s1-9.bin");
  add_firmware(system_part(2, 9, {4, 1, 9}), "s2-9.bin");
  change([](store::Database&) {});
  BOOST_TEST(comes_to(1, 9));
}

BOOST_AUTO_TEST_CASE(a_target_out_of_reach_is_no_failure_of_a_rollout) {
  start(1);
  auto rule = target(PolicyScope::fleet, "", TargetKind::at_least);
  rule.version = "99";
  say(rule);
  BOOST_TEST(run_until_state(1, "current", 1min));
  BOOST_TEST(row(1).state_words.find("has what it needs; it shall have Device OS 99 or later") == 0u);
  planning::RolloutRules rules;
  rules.waves = *planning::parse_waves("all");
  rules.soak = 60'000;
  std::int64_t id = 0;
  change([&](store::Database& db) {
    BOOST_REQUIRE(server::create_release(db, "seven", {"app7.bin"}, "", 1).has_value());
    id = *server::begin_rollout(db, *server::plan_rollout(db, "seven", {}, rules, utc_milliseconds()), 1);
  });
  BOOST_TEST(run_until(10min, [&] {
    auto db = database();
    return store::load_rollout(db, id)->rollout.stage == planning::RolloutStage::done;
  }));
}

BOOST_AUTO_TEST_CASE(a_forced_rollout_that_is_aborted_leaves_no_force_behind) {
  start(1);
  planning::RolloutRules rules;
  rules.waves = *planning::parse_waves("all");
  rules.forced = true;
  std::int64_t id = 0;
  change([&](store::Database& db) {
    BOOST_REQUIRE(server::create_release(db, "seven", {"app7.bin"}, "", 1).has_value());
    id = *server::begin_rollout(db, *server::plan_rollout(db, "seven", {}, rules, utc_milliseconds()), 1);
    server::commands::pause(db, true);
  });
  BOOST_REQUIRE(run_until(1min, [&] { return row(1).forced; }));
  change([&](store::Database& db) {
    BOOST_TEST(server::steer_rollout(db, id, server::RolloutAction::abort).has_value());
  });
  BOOST_TEST(!row(1).forced);
}

BOOST_AUTO_TEST_CASE(a_pause_leaves_those_alone_that_have_all_they_need) {
  start(1);
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  change([&](store::Database& db) { server::commands::pause(db, true); });
  run_until(1min, [] { return false; });
  BOOST_TEST(row(1).state == "current");
  change([&](store::Database& db) {
    BOOST_TEST(server::commands::add_target(db, *store::load_device(db, id_of(1)), "app7.bin").has_value());
  });
  BOOST_TEST(run_until_state(1, "waiting", 1min));
  BOOST_TEST(row(1).state_words == "paused: a person has paused all updates");
  change([&](store::Database& db) { server::commands::pause(db, false); });
  BOOST_TEST(run_until(5min, [&] { return row(1).state == "current"; }));
}

BOOST_AUTO_TEST_CASE(a_release_with_system_parts_is_taken_back) {
  start(1);
  planning::RolloutRules rules;
  rules.waves = *planning::parse_waves("all");
  rules.soak = 60'000;
  std::int64_t id = 0;
  const auto stage = [&] {
    auto db = database();
    return store::load_rollout(db, id)->rollout.stage;
  };
  change([&](store::Database& db) {
    BOOST_REQUIRE(server::create_release(db, "seven", {"s1-7.bin", "s2-7.bin"}, "", 1).has_value());
    const auto plan = server::plan_rollout(db, "seven", {}, rules, utc_milliseconds());
    BOOST_TEST(plan->devices[0].no_way_back == "");
    id = *server::begin_rollout(db, *plan, 1);
  });
  BOOST_REQUIRE(run_until(10min, [&] { return stage() == planning::RolloutStage::done; }));
  BOOST_TEST(system(1) == 7);
  change([&](store::Database& db) {
    const auto library = store::load_library(db);
    for (const auto* module : library.all())
      if (module->file_name == "s1-3.bin" || module->file_name == "s2-3.bin")
        BOOST_TEST(store::is_needed(db, module->sha256), module->file_name);
    BOOST_TEST(server::steer_rollout(db, id, server::RolloutAction::revert).has_value());
  });
  BOOST_REQUIRE(run_until(10min, [&] { return stage() == planning::RolloutStage::reverted; }));
  BOOST_TEST(system(1) == 3);
}

BOOST_AUTO_TEST_CASE(a_rollout_sends_nothing_outside_its_hours_and_keeps_to_its_rate) {
  for (int number = 1; number <= 2; ++number) start(number);
  planning::RolloutRules rules;
  rules.waves = *planning::parse_waves("all");
  rules.soak = 60'000;
  rules.window = never;
  std::int64_t id = 0;
  change([&](store::Database& db) {
    BOOST_REQUIRE(server::create_release(db, "seven", {"app7.bin"}, "", 1).has_value());
    const auto plan = server::plan_rollout(db, "seven", {}, rules, utc_milliseconds());
    BOOST_REQUIRE(plan.has_value());
    id = *server::begin_rollout(db, *plan, 1);
  });
  run_until(30min, [] { return false; });
  for (int number = 1; number <= 2; ++number) BOOST_TEST(steps(number).empty());
  change([&](store::Database& db) {
    BOOST_TEST(server::steer_rollout(db, id, server::RolloutAction::abort).has_value());
    BOOST_TEST(server::remove_rollout(db, id).has_value());
    BOOST_TEST(!store::load_rollout(db, id).has_value());
    rules.window = {};
    rules.bytes_per_second = 1024;  // one device at a time
    const auto plan = server::plan_rollout(db, "seven", {}, rules, utc_milliseconds());
    id = *server::begin_rollout(db, *plan, 1);
  });
  const auto began = Clock::now();
  const auto both_have_it = [&] {
    return steps(1).size() == 1 && steps(2).size() == 1 && steps(1)[0].state == "verified" &&
        steps(2)[0].state == "verified";
  };
  BOOST_REQUIRE(run_until(10min, both_have_it));
  const auto bytes = steps(1)[0].bytes_total + steps(2)[0].bytes_total;
  BOOST_TEST((Clock::now() - began >= std::chrono::milliseconds(bytes * 1000 / 1024) - 1s));
  const bool one_at_a_time =
      steps(1)[0].finished_at <= steps(2)[0].started_at || steps(2)[0].finished_at <= steps(1)[0].started_at;
  BOOST_TEST(one_at_a_time);
}

BOOST_AUTO_TEST_CASE(a_forced_rollout_reaches_devices_at_once) {
  start(1);
  auto closed = of(PolicyScope::fleet, "");
  closed.window = never;
  say(closed);
  planning::RolloutRules rules;
  rules.waves = *planning::parse_waves("all");
  rules.soak = 60'000;
  rules.forced = true;
  std::int64_t id = 0;
  change([&](store::Database& db) {
    BOOST_REQUIRE(server::create_release(db, "seven", {"app7.bin"}, "", 1).has_value());
    const auto plan = server::plan_rollout(db, "seven", {}, rules, utc_milliseconds());
    id = *server::begin_rollout(db, *plan, 1);
  });
  BOOST_TEST(run_until(10min, [&] {
    auto db = database();
    return store::load_rollout(db, id)->rollout.stage == planning::RolloutStage::done;
  }));
}

BOOST_AUTO_TEST_CASE(a_release_that_devices_shall_have_stays) {
  start(1);
  change([](store::Database& db) {
    BOOST_TEST(server::create_release(db, "seven", {"app7.bin"}, "", 1).has_value());
    auto row = target(PolicyScope::fleet, "", TargetKind::release);
    row.release = "eight";
    BOOST_TEST((server::save_policy(db, row).error().kind == ErrorKind::not_found));
    row.release = "seven";
    BOOST_TEST(server::save_policy(db, row).has_value());
    BOOST_TEST((server::remove_release(db, "seven").error().kind == ErrorKind::conflict));
  });
  BOOST_TEST(run_until(10min, [&] { return steps(1).size() == 1 && steps(1)[0].state == "verified"; }));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_said_is_refused) {
  auto db = database();
  auto version = target(PolicyScope::fleet, "", TargetKind::exactly);
  for (const auto* bad : {"", "9.9.9", "soon"}) {
    version.version = bad;
    BOOST_TEST((server::save_policy(db, version).error().kind == ErrorKind::malformed), bad);
  }
  auto latest = target(PolicyScope::fleet, "", TargetKind::latest);
  latest.downgrade = true;
  BOOST_TEST(!server::save_policy(db, latest).has_value());
  auto zone = of(PolicyScope::fleet, "");
  zone.window.time_zone = "Europe/Berlin";
  BOOST_TEST(!server::save_policy(db, zone).has_value());
  BOOST_TEST((server::find_subject(db, "galaxy", "").error().kind == ErrorKind::malformed));
  BOOST_TEST((server::find_subject(db, "platform", "toaster").error().kind == ErrorKind::not_found));
  BOOST_TEST((server::find_subject(db, "device", "nobody").error().kind == ErrorKind::not_found));
  BOOST_TEST(server::find_subject(db, "platform", "photon")->second == "6");
  for (const auto* name : {"", ".", "..", "a/b", "a\\b", " a", "a ", "a\nb"})
    BOOST_TEST(!server::check_group_name(name).has_value(), name);
  BOOST_TEST((server::find_subject(db, "fleet", "x").error().kind == ErrorKind::not_found));
  for (const auto* range : {"10.0.0.0/33", "10.0.0", "here", "fd00::/129"})
    BOOST_TEST(!store::is_address_range(range), range);
}

BOOST_AUTO_TEST_CASE(rules_know_addresses_products_and_names) {
  store::DeviceRow device;
  device.id = id_of(1);
  device.name = "greenhouse-7";
  device.platform = 6;
  device.product_id = 1234;
  device.address = "192.168.4.20";
  const auto fits = [&](const std::function<void(store::GroupRule&)>& set) {
    store::GroupRule rule;
    rule.group = "g";
    set(rule);
    return rule.fits(device);
  };
  BOOST_TEST(fits([](auto& r) { r.addresses = "192.168.4.0/24"; }));
  BOOST_TEST(!fits([](auto& r) { r.addresses = "192.168.5.0/24"; }));
  BOOST_TEST(fits([](auto& r) { r.product_id = 1234; }));
  BOOST_TEST(!fits([](auto& r) { r.product_id = 1235; }));
  BOOST_TEST(fits([](auto& r) { r.name_pattern = "greenhouse-*"; }));
  BOOST_TEST(!fits([](auto& r) { r.name_pattern = "cellar-*"; }));
  BOOST_TEST(!fits([](auto& r) {
    r.name_pattern = "greenhouse-*";
    r.platform = 8;
  }));
  device.address = "[fd00::7]";
  BOOST_TEST(fits([](auto& r) { r.addresses = "fd00::/8"; }));
  device.address = "::ffff:192.168.4.20";
  BOOST_TEST(fits([](auto& r) { r.addresses = "192.168.4.0/24"; }));
}

BOOST_AUTO_TEST_SUITE_END()
