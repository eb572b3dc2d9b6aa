// Where devices stand that are not connected: what people and the library say counts at once.
#include "server/absent_state.hpp"
#include "crypto/ecc.hpp"
#include "server/commands.hpp"
#include "server/policies.hpp"
#include "store/changes.hpp"
#include "store/device_list.hpp"
#include "store/history.hpp"
#include "store/modules.hpp"
#include "store/updates.hpp"
#include "support/any_engine.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

using namespace drydock;
using namespace drydock::testing;
namespace commands = server::commands;

namespace {

const std::string id(24, 'a');
constexpr std::uint16_t photon = 6;
const firmware::ModuleKey user_part{firmware::Function::user_part, 1};

struct AbsentDevice {
  store::Database db = fresh_database();
  AbsentDevice() {
    store::DeviceRow row;
    row.id = id;
    row.public_key = {1};
    row.platform = photon;
    row.state = "awaiting_approval";
    row.state_words = "waits for approval";
    store::add_device(db, row);
  }
  void let_it_say(std::uint16_t version) {
    firmware::InstalledModule module;
    module.key = user_part;
    module.version = version;
    store::save_modules(db, id, {module});
  }
  void put_into_library(std::uint16_t version) {
    firmware::LibraryModule module;
    module.sha256 = std::string(64, static_cast<char>('0' + version));
    module.file_name = fmt::format("app{}.bin", version);
    module.platform = photon;
    module.key = user_part;
    module.version = version;
    module.size = 1000;
    store::add_module(db, module, 1);
  }
  store::DeviceRow row() { return *store::load_device(db, id); }
  std::string state() { return store::shown_state(row(), 0); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(absent_state, AbsentDevice)

BOOST_AUTO_TEST_CASE(approving_refusing_and_holding_show_at_once) {
  BOOST_TEST(state() == "awaiting_approval");
  BOOST_REQUIRE(commands::approve(db, id, "").has_value());
  BOOST_TEST(state() == "unknown");
  BOOST_TEST(row().state_words == "approved: what it runs is known when it is back");
  let_it_say(1);
  commands::hold(db, id, true);
  BOOST_TEST(state() == "held");
  commands::hold(db, id, false);
  BOOST_TEST(state() == "current");
  commands::refuse(db, id);
  BOOST_TEST(state() == "refused");
  BOOST_REQUIRE(commands::approve(db, id, "").has_value());
  BOOST_TEST(state() == "current");
}

BOOST_AUTO_TEST_CASE(a_target_is_told_of_before_the_device_is_back) {
  BOOST_REQUIRE(commands::approve(db, id, "").has_value());
  let_it_say(1);
  put_into_library(2);
  BOOST_REQUIRE(commands::add_target(db, row(), "app2.bin").has_value());
  BOOST_TEST(state() == "waiting");
  BOOST_TEST(row().state_words == "is sent application version 2 when it is back");
  BOOST_REQUIRE(commands::set_targets(db, row(), {}).has_value());
  BOOST_TEST(state() == "current");
}

BOOST_AUTO_TEST_CASE(a_target_whose_file_is_gone_is_kept_until_somebody_drops_it) {
  BOOST_REQUIRE(commands::approve(db, id, "").has_value());
  let_it_say(1);
  put_into_library(2);
  BOOST_REQUIRE(commands::set_targets(db, row(), {std::string(64, '2')}).has_value());
  store::remove_module(db, std::string(64, '2'));
  const auto lines = store::recent_history(db, id, 10).size();
  BOOST_REQUIRE(commands::set_targets(db, row(), {std::string(64, '2')}).has_value());
  BOOST_TEST(store::load_own_targets(db, id).size() == 1u);
  BOOST_TEST(store::recent_history(db, id, 10).size() == lines);  // nobody decided anything
  BOOST_TEST(!commands::set_targets(db, row(), {std::string(64, '3')}).has_value());
}

BOOST_AUTO_TEST_CASE(why_nothing_is_sent_is_said_while_it_is_away) {
  BOOST_REQUIRE(commands::approve(db, id, "").has_value());
  let_it_say(1);
  put_into_library(2);
  BOOST_REQUIRE(commands::add_target(db, row(), "app2.bin").has_value());
  commands::hold(db, id, true);
  BOOST_TEST(row().state_words == "paused: updates of this device wait until a person resumes them");
  commands::hold(db, id, false);
  BOOST_TEST(row().state_words == "is sent application version 2 when it is back");
  commands::pause(db, true);
  BOOST_TEST(server::restate_absent_devices(db, store::load_library(db), "").devices.size() == 1u);
  BOOST_TEST(row().state_words == "paused: a person has paused all updates");
}

BOOST_AUTO_TEST_CASE(a_rule_for_one_device_and_a_key_put_on_file_show_at_once) {
  BOOST_TEST(state() == "awaiting_approval");
  const Bytes key = crypto::EcPrivateKey::generate().public_key_spki();
  BOOST_REQUIRE(commands::register_key(db, id, key, 1).has_value());
  BOOST_TEST(state() == "unknown");
  let_it_say(1);
  put_into_library(2);
  BOOST_REQUIRE(commands::add_target(db, row(), "app2.bin").has_value());
  store::PolicyRow rule;
  rule.scope = store::PolicyScope::device;
  rule.subject = id;
  rule.held = true;
  BOOST_REQUIRE(server::save_policy(db, rule).has_value());
  BOOST_TEST(row().state_words.starts_with("paused: by the rule for "));
}

BOOST_AUTO_TEST_CASE(a_new_board_takes_the_place_of_an_old_one) {
  const std::string other(24, 'b');
  BOOST_REQUIRE(commands::approve(db, id, "").has_value());
  BOOST_REQUIRE(commands::rename(db, id, "pump").has_value());
  BOOST_REQUIRE(commands::set_group(db, id, "north").has_value());
  store::add_label(db, id, "old");
  put_into_library(2);
  BOOST_REQUIRE(commands::add_target(db, row(), "app2.bin").has_value());
  store::PolicyRow rule;
  rule.scope = store::PolicyScope::device;
  rule.subject = id;
  rule.held = true;
  BOOST_REQUIRE(server::save_policy(db, rule).has_value());
  BOOST_TEST((commands::replace(db, row(), id).error().kind == ErrorKind::conflict));
  BOOST_TEST((commands::replace(db, row(), other).error().kind == ErrorKind::not_found));
  store::DeviceRow board;
  board.id = other;
  board.public_key = {2};
  board.platform = photon;
  board.approval = "pending";
  store::add_device(db, board);
  BOOST_REQUIRE(commands::replace(db, row(), other).has_value());
  BOOST_TEST(!store::load_device(db, id));
  const auto now = *store::load_device(db, other);
  BOOST_TEST(now.name == "pump");
  BOOST_TEST(now.group == "north");
  BOOST_TEST(now.approval == "approved");
  BOOST_TEST(store::load_labels(db, other).size() == 1u);
  BOOST_TEST(store::load_own_targets(db, other).size() == 1u);
  BOOST_TEST(store::load_policy(db, store::PolicyScope::device, other).has_value());
  BOOST_TEST(store::recent_history(db, other, 1)[0].words.starts_with("takes the place of pump"));
}

BOOST_AUTO_TEST_CASE(what_people_decide_is_in_the_history) {
  BOOST_REQUIRE(commands::approve(db, id, "").has_value());
  commands::hold(db, id, true);
  BOOST_REQUIRE(commands::rename(db, id, "pump").has_value());
  const auto lines = store::recent_history(db, id, 10);
  BOOST_REQUIRE(lines.size() == 3u);
  BOOST_TEST(lines[0].words == "named 'pump'");
  BOOST_TEST(lines[1].words == "updates paused");
  BOOST_TEST(lines[2].words == "approved");
}

// Of what the session decides nothing is written here.
BOOST_AUTO_TEST_CASE(a_connected_device_is_left_alone) {
  auto connected = row();
  connected.connected = true;
  connected.state = "updating";
  store::set_approval(db, id, "approved");
  store::update_device(db, connected);
  commands::retry(db, id);
  BOOST_TEST(row().state == "updating");
  BOOST_TEST(server::restate_absent_devices(db, store::load_library(db), "").devices.empty());
}

BOOST_AUTO_TEST_CASE(the_library_changes_where_many_stand) {
  BOOST_REQUIRE(commands::approve(db, id, "").has_value());
  let_it_say(1);
  put_into_library(2);
  BOOST_REQUIRE(commands::add_target(db, row(), "app2.bin").has_value());
  store::remove_module(db, std::string(64, '2'));
  const auto page = server::restate_absent_devices(db, store::load_library(db), "");
  BOOST_REQUIRE(page.devices.size() == 1u);
  BOOST_TEST(page.devices[0].state == "blocked");
  BOOST_TEST(page.next == "");
  BOOST_TEST(state() == "blocked");
  BOOST_TEST(server::restate_absent_devices(db, store::load_library(db), "").devices.empty());  // once
}

// After three failures a device is left alone: neither a change of the library nor a restart tries again.
BOOST_AUTO_TEST_CASE(a_failed_device_stays_failed_until_it_is_told_to_retry) {
  BOOST_REQUIRE(commands::approve(db, id, "").has_value());
  let_it_say(1);
  put_into_library(2);
  BOOST_REQUIRE(commands::add_target(db, row(), "app2.bin").has_value());
  planning::Step step;
  step.module = *store::load_library(db).find(std::string(64, '2'));
  step.from_version = std::uint16_t{1};
  for (int i = 0; i < planning::max_attempts; ++i) {
    store::record_plan(db, id, {step}, 1);
    (void)store::begin_step(db, id, step, 1, 1);
    store::mark_failed(db, *store::step_in_flight(db, id), "no answer", 2);
  }
  (void)server::restate_absent_devices(db, store::load_library(db), "");
  BOOST_TEST(state() == "parked");
  commands::hold(db, id, true);
  commands::hold(db, id, false);
  BOOST_TEST(state() == "parked");
  commands::retry(db, id);
  BOOST_TEST(state() == "waiting");
}

BOOST_AUTO_TEST_SUITE_END()
