// Whole rollouts on a virtual clock: the server, its store and a few Photons.
#include "server/releases.hpp"
#include "server/rollouts.hpp"
#include "store/modules.hpp"
#include "store/updates.hpp"
#include "support/test_system.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;
using planning::DeviceStage;
using planning::RolloutStage;

namespace {

struct Rollouts : TestSystem {
  Rollouts() {
    add_firmware(user_part(6, {4, 2, 3}), "app6.bin");
    add_firmware(user_part(7, {4, 2, 3}), "app7.bin");
    for (int number = 1; number <= 4; ++number) {
      start_device(number, {system_part(1, 3), system_part(2, 3), user_part(6, {4, 2, 3})});
      BOOST_REQUIRE(run_until_state(number, "current", 1min));
    }
  }

  /// As the command line does it.
  template <class Change>
  auto change(Change work) {
    auto db = database();
    std::optional<decltype(work(db))> result;
    const auto done = db.transact([&](store::Database& open) -> Result<void> {
      result = work(open);
      return {};
    });
    BOOST_REQUIRE(done.has_value());
    world.spawn([this]() -> asio::awaitable<void> { (void)co_await server().apply_changes(); });
    world.run_until_idle();
    return std::move(*result);
  }
  std::int64_t begin(const std::string& waves, const server::Selection& selection = {}) {
    planning::RolloutRules rules;
    rules.waves = *planning::parse_waves(waves);
    rules.soak = 60'000;
    rules.lost_after = 120'000;
    const auto begun = change([&](store::Database& db) -> Result<std::int64_t> {
      if (!store::load_release(db, "seven"))
        if (auto made = server::create_release(db, "seven", {"app7.bin"}, "", 1); !made)
          return tl::unexpected(made.error());
      const auto plan = server::plan_rollout(db, "seven", selection, rules, 1);
      if (!plan) return tl::unexpected(plan.error());
      return server::begin_rollout(db, *plan, 1);
    });
    BOOST_REQUIRE_MESSAGE(begun.has_value(), (begun ? "" : begun.error().message));
    return *begun;
  }
  static planning::RolloutRules with_downgrade() {
    planning::RolloutRules rules;
    rules.downgrade = true;
    return rules;
  }
  void steer(std::int64_t id, server::RolloutAction action) {
    const auto steered = change([&](store::Database& db) { return server::steer_rollout(db, id, action); });
    BOOST_REQUIRE(steered.has_value());
  }
  planning::Rollout rollout(std::int64_t id) {
    auto db = database();
    return store::load_rollout(db, id)->rollout;
  }
  bool run_until_stage(std::int64_t id, RolloutStage stage, Clock::duration by) {
    return run_until(by, [&] { return rollout(id).stage == stage; });
  }
  std::size_t begun(int number) {
    std::size_t count = 0;
    for (const auto& line : history()) count += line.device_id == id_of(number) && line.words.ends_with(": begun");
    return count;
  }
  std::uint16_t application(int number) {
    auto db = database();
    for (const auto& module : store::load_modules(db, id_of(number)))
      if (module.key.function == firmware::Function::user_part) return module.version;
    return 0;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(whole_rollouts, Rollouts)

BOOST_AUTO_TEST_CASE(a_good_release_reaches_every_device_and_is_taken_back) {
  const auto id = begin("1, 2, all", {{}, "", "", {id_of(3)}});
  BOOST_REQUIRE(run_until(1min, [&] { return application(3) == 7; }));
  run_until(40s, [] { return false; });
  for (const int number : {1, 2, 4}) BOOST_TEST(application(number) == 6);
  BOOST_REQUIRE(run_until_stage(id, RolloutStage::done, 10min));
  for (int number = 1; number <= 4; ++number) {
    BOOST_TEST(application(number) == 7);
    BOOST_TEST(begun(number) == 1u);
  }
  BOOST_TEST(rollout(id).devices[0].id == id_of(3));
  steer(id, server::RolloutAction::revert);
  BOOST_REQUIRE(run_until_stage(id, RolloutStage::reverted, 5min));
  for (int number = 1; number <= 4; ++number) BOOST_TEST(application(number) == 6);
}

BOOST_AUTO_TEST_CASE(it_goes_on_behind_a_power_cut_with_no_wave_twice) {
  const auto id = begin("1, 2, all");
  for (int cut = 0; cut < 12; ++cut) {
    run_until(std::chrono::seconds(7 + cut * 5), [] { return false; });
    kill();
    restart();
  }
  BOOST_REQUIRE(run_until_stage(id, RolloutStage::done, 15min));
  for (int number = 1; number <= 4; ++number) {
    BOOST_TEST(application(number) == 7);
    BOOST_TEST(begun(number) == 1u);
  }
}

BOOST_AUTO_TEST_CASE(a_device_that_refuses_it_stops_it_and_nobody_else_gets_it) {
  auto& bad = start_device(5, {system_part(1, 3), system_part(2, 3), user_part(6, {4, 2, 3})});
  bad.faults.damages_image = true;
  BOOST_REQUIRE(run_until_state(5, "current", 1min));
  const auto id = begin("1, all", {{}, "", "", {id_of(5)}});
  BOOST_REQUIRE(run_until_stage(id, RolloutStage::stopped, 60min));
  BOOST_TEST(rollout(id).words.find("a device of the first wave failed: ") == 0u);
  run_until(60min, [] { return false; });
  for (int number = 1; number <= 4; ++number) {
    BOOST_TEST(application(number) == 6);
    BOOST_TEST(begun(number) == 0u);
  }
}

BOOST_AUTO_TEST_CASE(one_that_does_not_come_back_needs_a_person_until_it_is_back) {
  virtual_device::Options slow;
  slow.reset_time = 30min;
  start_device(5, {system_part(1, 3), system_part(2, 3), user_part(6, {4, 2, 3})}, slow);
  BOOST_REQUIRE(run_until_state(5, "current", 1min));
  const auto id = begin("1, all", {{}, "", "", {id_of(5)}});
  BOOST_REQUIRE(run_until_stage(id, RolloutStage::stopped, 20min));
  const auto is_given_up = [&] {
    return row(5).state == "parked" && row(5).state_words.find("did not come back") != std::string::npos;
  };
  BOOST_TEST(is_given_up());
  for (int time = 0; time < 2; ++time) {
    kill();
    restart();
    run_until(1min, [] { return false; });
    BOOST_TEST(is_given_up());
  }
  steer(id, server::RolloutAction::abort);
  BOOST_TEST(is_given_up());
  change([&](store::Database& db) { return server::remove_rollout(db, id); });
  BOOST_TEST(!is_given_up());  // nobody wants anything of it any more
  BOOST_TEST(run_until_state(5, "current", 1h));
}

BOOST_AUTO_TEST_CASE(a_group_gets_it_and_what_a_person_chose_for_a_device_stays) {
  change([](store::Database& db) {
    store::set_group(db, id_of(1), "greenhouse");
    store::set_group(db, id_of(2), "greenhouse");
    return 0;
  });
  ask_for("app6.bin");  // of the first device
  const auto id = begin("all", {{}, "greenhouse", "", {}});
  BOOST_REQUIRE(run_until(2min, [&] { return application(2) == 7; }));
  BOOST_TEST(rollout(id).devices.size() == 1u);  // one has what was chosen for it
  for (const int number : {1, 3, 4}) BOOST_TEST(application(number) == 6);
}

BOOST_AUTO_TEST_CASE(there_is_an_end_to_releases) {
  change([](store::Database& db) {
    for (std::int64_t number = 0; number < limits::releases; ++number)
      BOOST_REQUIRE(server::create_release(db, std::to_string(number), {"app7.bin"}, "", 1).has_value());
    const auto one_more = server::create_release(db, "one more", {"app7.bin"}, "", 1);
    BOOST_REQUIRE(!one_more.has_value());
    BOOST_TEST(one_more.error().message.find("remove some") != std::string::npos);
    BOOST_TEST(store::remove_release(db, "0"));
    BOOST_TEST(server::create_release(db, "one more", {"app7.bin"}, "", 1).has_value());
    return 0;
  });
}

BOOST_AUTO_TEST_CASE(what_would_happen_is_said_before_anything_does) {
  change([](store::Database& db) {
    BOOST_TEST(server::create_release(db, "seven", {"app7.bin"}, "", 1).has_value());
    BOOST_TEST((server::create_release(db, "seven", {"app6.bin"}, "", 1).error().kind == ErrorKind::conflict));
    BOOST_TEST(
        (server::create_release(db, "both", {"app6.bin", "app7.bin"}, "", 1).error().kind == ErrorKind::conflict));
    BOOST_TEST((server::create_release(db, "none", {"no.bin"}, "", 1).error().kind == ErrorKind::not_found));
    BOOST_TEST(server::create_release(db, "six", {"app6.bin"}, "", 1).has_value());
    const auto plan = *server::plan_rollout(db, "seven", {{id_of(2)}, "", "", {}}, {}, 1);
    BOOST_REQUIRE(plan.devices.size() == 1u);
    BOOST_REQUIRE(plan.devices[0].steps.size() == 1u);
    BOOST_TEST(plan.devices[0].left_out == "");
    BOOST_TEST(plan.devices[0].no_way_back == "");
    const auto same = *server::plan_rollout(db, "six", {}, {}, 1);
    for (const auto& device : same.devices) BOOST_TEST(device.left_out == "has all of it already");
    BOOST_TEST((server::begin_rollout(db, same, 1).error().kind == ErrorKind::conflict));
    BOOST_TEST((server::plan_rollout(db, "six", {{}, "nobody", "", {}}, {}, 1).error().kind == ErrorKind::not_found));
    return 0;
  });
  // An older one goes to nobody unless that is asked for.
  const auto id = begin("all");
  BOOST_REQUIRE(run_until_stage(id, RolloutStage::done, 10min));
  change([](store::Database& db) {
    const auto older = *server::plan_rollout(db, "six", {}, {}, 1);
    for (const auto& device : older.devices) BOOST_TEST(device.left_out.find("which is newer") != std::string::npos);
    BOOST_TEST(server::plan_rollout(db, "six", {}, with_downgrade(), 1)->devices[0].left_out == "");
    BOOST_TEST((server::remove_release(db, "seven").error().kind == ErrorKind::conflict));
    BOOST_TEST(server::remove_release(db, "six").has_value());
    return 0;
  });
}

BOOST_AUTO_TEST_CASE(a_device_is_in_one_rollout_at_a_time) {
  const auto id = begin("1, all");
  change([](store::Database& db) {
    const auto plan = server::plan_rollout(db, "seven", {}, {}, 1);
    BOOST_TEST((server::begin_rollout(db, *plan, 1).error().kind == ErrorKind::conflict));
    return 0;
  });
  steer(id, server::RolloutAction::abort);
  run_until(10min, [] { return false; });
  BOOST_TEST(application(1) == 7);  // had begun
  for (const int number : {2, 3, 4}) BOOST_TEST(application(number) == 6);
  const auto second = begin("all");
  BOOST_REQUIRE(run_until_stage(second, RolloutStage::done, 10min));
  for (int number = 1; number <= 4; ++number) BOOST_TEST(application(number) == 7);
}

BOOST_AUTO_TEST_CASE(behind_a_canary_all_others_come_in_one_wave) {
  const auto id = begin("all", {{}, "", "", {id_of(2)}});
  BOOST_REQUIRE(run_until_stage(id, RolloutStage::done, 10min));
  BOOST_TEST(rollout(id).devices[0].id == id_of(2));
  BOOST_TEST(rollout(id).devices[0].wave == 0u);
  for (std::size_t i = 1; i < 4; ++i) BOOST_TEST(rollout(id).devices[i].wave == 1u);
}

BOOST_AUTO_TEST_CASE(a_canary_that_is_left_out_is_no_canary) {
  change([](store::Database& db) {
    BOOST_TEST(server::create_release(db, "seven", {"app7.bin"}, "", 1).has_value());
    store::set_held(db, id_of(2), true);
    const auto plan = *server::plan_rollout(db, "seven", {{}, "", "", {id_of(2)}}, {}, 1);
    BOOST_TEST(plan.devices[0].left_out == "is paused by a person");
    BOOST_TEST((server::begin_rollout(db, plan, 1).error().kind == ErrorKind::conflict));
    BOOST_TEST((server::plan_rollout(db, "seven", {{id_of(1)}, "", "", {id_of(3)}}, {}, 1).error().kind ==
        ErrorKind::conflict));
    return 0;
  });
}

BOOST_AUTO_TEST_CASE(what_cannot_go_back_is_said_and_holds_nobody) {
  const auto id = begin("all");
  BOOST_REQUIRE(run_until_stage(id, RolloutStage::done, 10min));
  change([](store::Database& db) {
    const auto library = store::load_library(db);
    for (const auto* module : library.all()) {
      BOOST_TEST(store::is_needed(db, module->sha256));
      if (module->file_name == "app6.bin") store::remove_module(db, module->sha256);
    }
    return 0;
  });
  steer(id, server::RolloutAction::revert);
  BOOST_REQUIRE(run_until_stage(id, RolloutStage::reverted, 1min));
  BOOST_TEST(rollout(id).devices[0].words ==
      "cannot be taken back: the application version 6 that it had is not in the library");
}

BOOST_AUTO_TEST_SUITE_END()
