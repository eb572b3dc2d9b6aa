// Rollouts as pure functions: what a look makes of how the devices are.
#include "planning/rollout.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace drydock::planning;

namespace {

constexpr std::int64_t minute = 60'000;

struct Fleet {
  explicit Fleet(std::size_t devices) : standings(devices) {
    rollout.rules.soak = 10 * minute;
    rollout.rules.lost_after = 30 * minute;
    rollout.devices.resize(devices);
    for (auto& standing : standings) standing.connected = true;
  }
  bool look(std::int64_t minutes = 0, bool may_begin = true) {
    now += minutes * minute;
    for (auto& standing : standings) standing.may_begin = may_begin;
    return advance(rollout, standings, now, 1000);
  }
  std::size_t count(DeviceStage stage) const {
    return static_cast<std::size_t>(std::count_if(
        rollout.devices.begin(), rollout.devices.end(), [&](const auto& device) { return device.stage == stage; }));
  }
  /// Those that have begun have it now.
  void install() {
    for (std::size_t i = 0; i < standings.size(); ++i)
      if (rollout.devices[i].stage == DeviceStage::begun) standings[i].has_release = true;
  }
  void prove_well() {
    install();
    look();
    look(10);
  }

  Rollout rollout;
  std::vector<Standing> standings;
  std::int64_t now = 1;
};

std::string words_of(std::string_view waves) {
  const auto parsed = parse_waves(waves);
  return parsed ? wave_words(*parsed) : "";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rollouts)

BOOST_AUTO_TEST_CASE(waves_are_read_and_end_with_all) {
  BOOST_TEST(words_of("1, 5%,25% , all") == "1, 5%, 25%, all");
  BOOST_TEST(words_of("3") == "3, all");
  BOOST_TEST(words_of("100%") == "all");
  for (const auto* bad : {"", "0", "-1", "5%%", "101%", "x", "3,2", "all,5%", "all, 2", "1,,2", "99999999999"})
    BOOST_TEST(!parse_waves(bad).has_value(), bad);
  RolloutRules rules;
  rules.waves = *parse_waves("2, 5%, 25%");
  BOOST_TEST(wave_end(rules, 0, 10) == 2u);
  BOOST_TEST(wave_end(rules, 1, 10) == 2u);  // never fewer than before
  BOOST_TEST(wave_end(rules, 1, 1000) == 50u);
  BOOST_TEST(wave_end(rules, 3, 1000) == 1000u);
  BOOST_TEST(wave_end(rules, 0, 1) == 1u);
}

BOOST_AUTO_TEST_CASE(a_wave_begins_when_the_one_before_has_proved_well) {
  Fleet fleet(40);
  fleet.rollout.devices[7].canary = true;
  BOOST_TEST(fleet.look());
  BOOST_TEST(fleet.count(DeviceStage::begun) == 1u);
  BOOST_TEST((fleet.rollout.devices[7].stage == DeviceStage::begun));
  BOOST_TEST(!fleet.look(5));  // nothing new: nothing to write down
  fleet.install();
  BOOST_TEST(fleet.look());
  BOOST_TEST(fleet.count(DeviceStage::soaking) == 1u);
  fleet.look(9);
  BOOST_TEST(fleet.count(DeviceStage::waiting) == 39u);
  fleet.look(1);
  BOOST_TEST(fleet.count(DeviceStage::begun) == 1u);  // 5 % of 40 are two
  for (int wave = 1; wave < 4; ++wave) fleet.prove_well();
  BOOST_TEST(fleet.count(DeviceStage::healthy) == 40u);
  BOOST_TEST((fleet.rollout.stage == RolloutStage::done));
}

BOOST_AUTO_TEST_CASE(the_first_device_lost_stops_it) {
  Fleet fleet(100);
  fleet.look();
  fleet.standings[0].connected = false;
  fleet.standings[0].was_sent = true;
  fleet.look();
  fleet.look(30);
  BOOST_TEST((fleet.rollout.stage == RolloutStage::running));
  fleet.look(1);
  BOOST_TEST((fleet.rollout.stage == RolloutStage::stopped));
  BOOST_TEST(fleet.rollout.words.find("did not come back") != std::string::npos);
  fleet.look(1000);
  BOOST_TEST(fleet.count(DeviceStage::waiting) == 99u);
  // A person looks at it and goes on: that failure counts no more.
  BOOST_TEST(resume_rollout(fleet.rollout).has_value());
  fleet.look();
  BOOST_TEST((fleet.rollout.stage == RolloutStage::running));
  BOOST_TEST(fleet.count(DeviceStage::begun) == 4u);
}

BOOST_AUTO_TEST_CASE(devices_that_got_something_newer_are_left_out) {
  Fleet fleet(4);
  fleet.rollout.rules.waves = *parse_waves("1, all");
  fleet.rollout.devices[2].canary = true;
  fleet.standings[2].left_out = "has something newer";  // a canary that is none any more
  fleet.look();
  BOOST_TEST((fleet.rollout.devices[0].stage == DeviceStage::begun));
  // One that has begun and was sent nothing waits again, and is not begun again.
  fleet.standings[0].left_out = "has something newer";
  fleet.look(1);
  BOOST_TEST((fleet.rollout.devices[0].stage == DeviceStage::waiting));
  BOOST_TEST((fleet.rollout.devices[1].stage == DeviceStage::begun));
  fleet.prove_well();
  fleet.prove_well();
  BOOST_TEST((fleet.rollout.stage == RolloutStage::done));
  BOOST_TEST(fleet.count(DeviceStage::healthy) == 2u);
  BOOST_TEST(fleet.count(DeviceStage::waiting) == 2u);
}

BOOST_AUTO_TEST_CASE(a_device_may_have_to_say_that_it_is_well) {
  Fleet fleet(2);
  fleet.rollout.rules.waves = *parse_waves("all");
  fleet.rollout.rules.health_event = "alive";
  fleet.look();
  for (auto& standing : fleet.standings) standing.reconnections = 5;
  fleet.standings[1].heard_in = 4;  // of its application before
  fleet.install();
  fleet.look();
  fleet.standings[0].heard_in = 5;
  fleet.look(10);
  BOOST_TEST((fleet.rollout.devices[0].stage == DeviceStage::healthy));
  BOOST_TEST((fleet.rollout.devices[1].stage == DeviceStage::soaking));
  fleet.look(30);
  BOOST_TEST((fleet.rollout.devices[1].stage == DeviceStage::failed));
  BOOST_TEST(fleet.rollout.devices[1].words == "did not publish 'alive' behind its update");
}

BOOST_AUTO_TEST_CASE(wave_sizes_and_time_are_known_before) {
  RolloutRules rules;
  rules.soak = 10 * minute;
  BOOST_TEST((wave_sizes(rules, 100, 0) == std::vector<std::size_t>{1, 4, 20, 75}));
  BOOST_TEST((wave_sizes(rules, 3, 0) == std::vector<std::size_t>{1, 0, 0, 2}));
  BOOST_TEST((wave_sizes(rules, 10, 3) == std::vector<std::size_t>{3, 0, 0, 7}));
  BOOST_TEST(expected_time(rules, 1, 0, minute, 8) == 11 * minute);
  BOOST_TEST(expected_time(rules, 17, 0, minute, 8) == 11 * minute + 11 * minute + 12 * minute);
  rules.per_minute = 1;
  BOOST_TEST(expected_time(rules, 2, 0, minute, 8) == 22 * minute);
}

BOOST_AUTO_TEST_CASE(a_share_of_failures_stops_it_from_a_number_on) {
  Fleet fleet(100);
  fleet.rollout.rules.waves = *parse_waves("20, all");
  fleet.rollout.rules.failure_percent = 10;
  fleet.rollout.rules.failures = 3;
  fleet.look();
  fleet.prove_well();
  BOOST_TEST(fleet.count(DeviceStage::begun) == 80u);
  for (std::size_t i = 20; i < 90; ++i) fleet.standings[i].was_sent = true;
  for (std::size_t i = 20; i < 30; ++i) fleet.standings[i].given_up = "refused three times";
  fleet.look();  // from before it began, it may be
  BOOST_TEST(fleet.count(DeviceStage::failed) == 0u);
  fleet.look(1);
  BOOST_TEST((fleet.rollout.stage == RolloutStage::running));  // 10 of 100 are not more than 10 %
  fleet.standings[30].given_up = "refused three times";
  fleet.look();
  BOOST_TEST((fleet.rollout.stage == RolloutStage::stopped));
  BOOST_TEST(fleet.rollout.words == "11 of 100 devices failed, more than 10 %; one of them: refused three times");
  // What was not sent yet is not sent any more; what was goes on, and is seen.
  fleet.prove_well();
  BOOST_TEST(fleet.count(DeviceStage::healthy) == 79u);
  BOOST_TEST(fleet.count(DeviceStage::waiting) == 10u);
}

BOOST_AUTO_TEST_CASE(one_that_resets_again_and_again_fails_and_one_that_lost_its_network_once_does_not) {
  Fleet fleet(2);
  fleet.rollout.rules.waves = *parse_waves("all");
  fleet.look();
  fleet.install();
  fleet.look();
  ++fleet.standings[1].reconnections;
  fleet.look(8);
  fleet.look(4);
  BOOST_TEST(fleet.count(DeviceStage::healthy) == 1u);
  fleet.look(6);
  BOOST_TEST(fleet.count(DeviceStage::healthy) == 2u);

  Fleet looping(1);
  looping.look();
  looping.install();
  looping.look();
  for (int i = 0; i < 4; ++i) {
    ++looping.standings[0].reconnections;
    looping.look(5);
  }
  BOOST_TEST(looping.count(DeviceStage::failed) == 1u);
  BOOST_TEST(looping.rollout.devices[0].words ==
      "connected 4 times anew within 20 min behind its update: it resets again and again");
}

BOOST_AUTO_TEST_CASE(safe_mode_counts_once_all_is_there) {
  Fleet fleet(1);
  fleet.look();
  fleet.standings[0].safe_mode = true;  // the application is there, the system it needs is not yet
  fleet.look(1);
  BOOST_TEST(fleet.count(DeviceStage::begun) == 1u);
  fleet.standings[0].has_release = true;
  fleet.look(1);
  BOOST_TEST(fleet.count(DeviceStage::failed) == 1u);
}

BOOST_AUTO_TEST_CASE(limits_of_those_at_once_and_per_minute_hold) {
  Fleet fleet(50);
  fleet.rollout.rules.waves = *parse_waves("all");
  fleet.rollout.rules.at_once = 8;
  fleet.rollout.rules.per_minute = 5;
  fleet.look();
  BOOST_TEST(fleet.count(DeviceStage::begun) == 5u);
  fleet.look();
  BOOST_TEST(fleet.count(DeviceStage::begun) == 5u);
  fleet.look(1);
  BOOST_TEST(fleet.count(DeviceStage::begun) == 8u);
  fleet.look(1, false);
  fleet.install();
  fleet.look(1, false);  // no time for it
  BOOST_TEST(fleet.count(DeviceStage::begun) == 0u);
  BOOST_TEST(fleet.count(DeviceStage::waiting) == 42u);
}

BOOST_AUTO_TEST_CASE(who_is_away_begins_when_it_is_back) {
  Fleet fleet(3);
  fleet.standings[1].connected = false;
  fleet.rollout.rules.waves = *parse_waves("all");
  fleet.look();
  fleet.prove_well();
  fleet.look(10'000);
  BOOST_TEST(fleet.count(DeviceStage::waiting) == 1u);
  BOOST_TEST((fleet.rollout.stage == RolloutStage::running));
  fleet.standings[1].connected = true;
  fleet.look();
  fleet.prove_well();
  BOOST_TEST((fleet.rollout.stage == RolloutStage::done));
}

BOOST_AUTO_TEST_CASE(who_leaves_before_anything_was_sent_waits_again) {
  Fleet fleet(100);
  fleet.look();
  fleet.standings[0].connected = false;
  fleet.look();
  fleet.look(31);
  BOOST_TEST((fleet.rollout.stage == RolloutStage::running));
  BOOST_TEST((fleet.rollout.devices[0].stage == DeviceStage::waiting));
  BOOST_TEST(fleet.count(DeviceStage::begun) == 1u);  // another one
}

BOOST_AUTO_TEST_CASE(canaries_are_waited_for) {
  Fleet fleet(10);
  fleet.rollout.devices[4].canary = fleet.rollout.devices[6].canary = true;
  fleet.standings[4].connected = false;
  fleet.look();
  BOOST_TEST(fleet.count(DeviceStage::begun) == 1u);
  fleet.prove_well();
  fleet.look(1000);
  BOOST_TEST(fleet.count(DeviceStage::waiting) == 9u);
  fleet.standings[4].connected = true;
  fleet.look();
  BOOST_TEST((fleet.rollout.devices[4].stage == DeviceStage::begun));
  BOOST_TEST(fleet.count(DeviceStage::waiting) == 8u);
}

BOOST_AUTO_TEST_CASE(time_away_is_no_time_of_the_soak) {
  Fleet fleet(1);
  fleet.look();
  fleet.install();
  fleet.look();
  fleet.standings[0].connected = false;
  fleet.look(1);
  fleet.standings[0].connected = true;
  fleet.look(20);
  BOOST_TEST(fleet.count(DeviceStage::soaking) == 1u);
  fleet.look(10);
  BOOST_TEST(fleet.count(DeviceStage::healthy) == 1u);
}

BOOST_AUTO_TEST_CASE(people_pause_abort_and_take_back) {
  Fleet fleet(4);
  fleet.look();
  BOOST_TEST(pause_rollout(fleet.rollout).has_value());
  BOOST_TEST(!pause_rollout(fleet.rollout).has_value());
  fleet.prove_well();
  BOOST_TEST(fleet.count(DeviceStage::healthy) == 1u);
  BOOST_TEST(fleet.count(DeviceStage::waiting) == 3u);
  BOOST_TEST(resume_rollout(fleet.rollout).has_value());
  fleet.look();
  BOOST_TEST(abort_rollout(fleet.rollout).has_value());
  BOOST_TEST(!resume_rollout(fleet.rollout).has_value());
  BOOST_TEST(revert_rollout(fleet.rollout).has_value());
  BOOST_TEST(fleet.count(DeviceStage::reverting) == 4u);
  fleet.standings[0].has_previous = true;
  fleet.look();
  BOOST_TEST((fleet.rollout.stage == RolloutStage::reverting));
  for (auto& standing : fleet.standings) standing.has_previous = true;
  fleet.look();
  BOOST_TEST((fleet.rollout.stage == RolloutStage::reverted));
  BOOST_TEST(!revert_rollout(fleet.rollout).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
