// Machines that share a database: who is taken for gone, who has a device, and whose turn it is.
#include "server/membership.hpp"

#include "base/limits.hpp"
#include "store/devices.hpp"
#include "store/nodes.hpp"
#include "store/ownership.hpp"
#include "store/statement.hpp"
#include "store/updates.hpp"
#include "support/any_engine.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace std::chrono_literals;
using server::NodeWatch;

namespace {

const std::string photon(24, 'a');

struct Fleet {
  Fleet() {
    store::DeviceRow row;
    row.id = photon;
    row.approval = "approved";
    row.public_key = {1};
    store::add_device(db, row);
  }
  std::int64_t add(const std::string& name) {
    store::NodeRow node;
    node.name = node.folder = name;
    node.connection = db.connection().name();
    return store::add_node(db, node, 1);
  }
  store::DeviceRow device() { return *store::load_device(db, photon); }
  store::Database db = testing::fresh_database();
};

planning::Step step_of(char sha) {
  planning::Step step;
  step.module.sha256 = std::string(64, sha);
  return step;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(node_watch)

const auto connected = [](const std::string&) { return true; };
const auto killed = [](const std::string&) { return false; };

BOOST_AUTO_TEST_CASE(who_beats_is_not_gone_and_who_stands_still_is) {
  NodeWatch watch;
  const auto began = Clock::time_point(1h);
  std::int64_t beat = 0;
  for (auto now = began; now < began + 1min; now += limits::node_beat)
    BOOST_TEST(watch.look({{1, ++beat, "a"}}, now, connected).empty());
  const auto last = began + 1min;
  std::vector<NodeWatch::Seen> gone;
  auto now = last;
  for (; gone.empty() && now < last + 1min; now += limits::node_beat)
    gone = watch.look({{1, beat, "a"}}, now, connected);
  BOOST_REQUIRE(gone.size() == 1u);
  BOOST_TEST(gone[0].beat == beat);
  BOOST_TEST((now - last >= limits::node_gone - limits::node_beat));
}

BOOST_AUTO_TEST_CASE(the_database_is_not_asked_about_who_beats) {
  NodeWatch watch;
  int asked = 0;
  const auto count = [&](const std::string&) { return ++asked == 0; };
  auto now = Clock::time_point(1h);
  for (int beat = 1; beat < 40; ++beat) (void)watch.look({{1, beat, "a"}}, now += limits::node_beat, count);
  BOOST_TEST(asked == 0);
  for (int round = 0; round < 8; ++round) (void)watch.look({{1, 39, "a"}}, now += limits::node_beat, count);
  BOOST_TEST(asked > 0);
}

// Before anybody else takes its devices it must have noticed that it may not send.
BOOST_AUTO_TEST_CASE(a_killed_one_is_gone_soon_and_not_before_it_would_have_stopped_sending) {
  NodeWatch watch;
  const auto last = Clock::time_point(1h);
  (void)watch.look({{1, 7, "a"}}, last, connected);
  auto now = last;
  while (watch.look({{1, 7, "a"}}, now += limits::node_beat, killed).empty()) BOOST_REQUIRE((now < last + 5s));
  BOOST_TEST((now - last > limits::node_may_send));
  BOOST_TEST((now - last <= 2s));
}

// The database was away for everybody: who is back first does not take the others for gone.
BOOST_AUTO_TEST_CASE(who_did_not_look_takes_nobody_for_gone) {
  NodeWatch watch;
  const auto last = Clock::time_point(1h);
  (void)watch.look({{1, 7, "a"}}, last, connected);
  BOOST_TEST(watch.look({{1, 7, "a"}}, last + 1h, killed).empty());
  BOOST_TEST(watch.look({{1, 7, "a"}}, last + 1h + limits::node_beat, killed).empty());
  BOOST_TEST(watch.look({{1, 8, "a"}}, last + 1h + 2 * limits::node_beat, connected).empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(device_ownership, Fleet)

BOOST_AUTO_TEST_CASE(a_device_has_one_owner_and_late_writes_are_refused) {
  const auto a = add("a");
  const auto b = add("b");
  const auto first = store::claim_device(db, photon, a);
  BOOST_REQUIRE(first);
  BOOST_TEST(!store::claim_device(db, photon, b));
  BOOST_TEST(device().wanted_by == b);
  BOOST_TEST(store::wanted_devices(db, a) == std::vector<std::string>{photon});
  BOOST_TEST(store::owns_device(db, photon, *first));

  store::release_device(db, photon, *first);
  const auto second = store::claim_device(db, photon, b);
  BOOST_REQUIRE(second);
  BOOST_TEST(second->epoch > first->epoch);
  BOOST_CHECK_THROW(store::require_ownership(db, photon, *first), store::NotOwner);
  BOOST_CHECK_THROW(store::require_node(db, photon, a), store::NotOwner);
  store::release_device(db, photon, *first);  // too late
  BOOST_TEST(device().node == b);
}

// Its own earlier connection is as much another one.
BOOST_AUTO_TEST_CASE(a_new_connection_at_the_same_machine_has_an_epoch_of_its_own) {
  const auto a = add("a");
  const auto first = store::claim_device(db, photon, a);
  const auto second = store::claim_device(db, photon, a);
  BOOST_REQUIRE(second);
  BOOST_TEST(!store::owns_device(db, photon, *first));
  BOOST_TEST(store::owns_device(db, photon, *second));
}

BOOST_AUTO_TEST_CASE(what_a_gone_machine_had_is_free) {
  const auto a = add("a");
  const auto b = add("b");
  const auto held = store::claim_device(db, photon, a);
  auto row = device();
  row.connected = true;
  row.state = "updating";
  store::update_device(db, row);
  store::record_plan(db, photon, {step_of('b')}, 1);
  store::begin_step(db, photon, step_of('b'), 1, 1);
  BOOST_TEST(store::take_turn(db, photon, a, 1));

  BOOST_TEST(!store::remove_node(db, a, 5));  // it beat since
  BOOST_TEST(device().connected);
  BOOST_TEST(store::remove_node(db, a, 0));
  BOOST_TEST(!device().connected);
  BOOST_TEST(device().state == "waiting");
  BOOST_TEST(store::step_in_flight(db, photon).has_value());  // its next Describe says what became of it
  BOOST_TEST(store::take_turn(db, std::string(24, 'b'), b, 1));
  BOOST_TEST(store::claim_device(db, photon, b).has_value());
  BOOST_CHECK_THROW(store::require_ownership(db, photon, *held), store::NotOwner);
}

BOOST_AUTO_TEST_CASE(what_a_living_machine_has_is_left_alone) {
  const auto a = add("a");
  const auto b = add("b");
  (void)store::claim_device(db, photon, a);
  auto row = device();
  row.connected = true;
  store::update_device(db, row);
  store::record_plan(db, photon, {step_of('b')}, 1);
  store::begin_step(db, photon, step_of('b'), 1, 1);
  BOOST_TEST(store::remove_node(db, b, 0));
  (void)add("c");
  BOOST_TEST(device().connected);
  BOOST_TEST(device().node == a);
  BOOST_TEST(store::step_in_flight(db, photon).has_value());
}

BOOST_AUTO_TEST_CASE(turns_are_counted_over_all_machines) {
  const auto a = add("a");
  const auto b = add("b");
  const std::string other(24, 'b'), third(24, 'c');
  BOOST_TEST(store::take_turn(db, photon, a, 2));
  BOOST_TEST(store::take_turn(db, other, b, 2));
  BOOST_TEST(!store::take_turn(db, third, b, 2));
  BOOST_TEST(store::take_turn(db, photon, a, 2));  // it has one
  store::give_back_turn(db, other, a);             // not its own
  BOOST_TEST(!store::take_turn(db, third, b, 2));
  store::give_back_turn(db, other, b);
  BOOST_TEST(store::take_turn(db, third, b, 2));
}

BOOST_AUTO_TEST_CASE(a_beat_tells_the_others_and_finds_what_they_want) {
  store::NodeRow node;
  node.id = add("a");
  server::Membership a(node);
  const auto b = add("b");
  (void)store::claim_device(db, photon, node.id);
  (void)store::claim_device(db, photon, b);
  server::Membership::Report report;
  report.connected = 3;
  report.running = 5;
  const auto round = a.beat(db, report, Clock::time_point(1h), 77);
  BOOST_TEST(round.alive);
  BOOST_TEST(round.wanted == std::vector<std::string>{photon});
  const auto row = store::load_nodes(db)[0];
  BOOST_TEST(row.beat == 1);
  BOOST_TEST(row.seen == 77);
  BOOST_TEST(row.connected == 3);
  store::remove_node(db, node.id);
  BOOST_TEST(!a.beat(db, report, Clock::time_point(1h), 78).alive);
}

BOOST_AUTO_TEST_SUITE_END()
