// Who is told that a device is away, and when: neither of a reset nor of an update.
#include "server/absence_watch.hpp"
#include "store/absences.hpp"
#include "store/devices.hpp"
#include "support/any_engine.hpp"
#include "support/test_system.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;

namespace {

const std::vector<Bytes>& current() {
  static const std::vector<Bytes> modules{system_part(1, 3), system_part(2, 3), user_part(6, {4, 2, 3})};
  return modules;
}

struct Absences : TestSystem {
  Absences()
      : writer(store::Writer::on_loop(std::make_shared<store::Database>(database()), world.loop.get_executor())) {
    watch = std::make_unique<server::AbsenceWatch>(
        world.loop, *writer, 10, true, [this](const server::PublishedEvent& event) {
          heard.push_back(event.from->text() + " " + event.name + " " + event.data);
        });
  }
  ~Absences() {
    watch->stop();
    world.run_until_idle();
  }

  std::vector<std::string> heard;
  std::unique_ptr<store::Writer> writer;
  std::unique_ptr<server::AbsenceWatch> watch;
};

store::DeviceRow device_row(char id, bool connected, std::int64_t last_seen, const char* approval) {
  store::DeviceRow row;
  row.id = std::string(24, id);
  row.connected = connected;
  row.last_seen = last_seen;
  row.approval = approval;
  row.public_key = {1};
  return row;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(absences, Absences)

BOOST_AUTO_TEST_CASE(who_is_away_for_ten_minutes_is_told_of_once_and_so_is_the_return) {
  auto& kitchen = start_device(1, current());
  start_device(2, current());
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  BOOST_REQUIRE(run_until_state(2, "current", 1min));
  watch->start();
  world.advance(1h);
  BOOST_TEST(heard.empty());
  kitchen.stop();
  world.advance(9min);
  BOOST_TEST(heard.empty());
  world.advance(1h);
  BOOST_TEST((heard == std::vector<std::string>{id_of(1) + R"( drydock/absence/began {"minutes":10})"}));
  heard.clear();
  start_device(1, current());
  world.advance(5min);
  BOOST_TEST_REQUIRE(heard.size() == 1U);
  BOOST_TEST(heard.front().starts_with(id_of(1) + " drydock/absence/ended"));
}

BOOST_AUTO_TEST_CASE(a_device_that_is_back_in_time_is_no_news) {
  auto& kitchen = start_device(1, current());
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  watch->start();
  kitchen.stop();
  world.advance(9min);
  auto& again = start_device(1, current());
  world.advance(2min);
  again.stop();
  world.advance(9min);
  BOOST_TEST(heard.empty());
}

// A Raspberry Pi has no clock of its own: hours pass at once when it is told the time.
BOOST_AUTO_TEST_CASE(a_clock_that_is_set_is_no_absence) {
  auto& kitchen = start_device(1, current());
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  watch->start();
  kitchen.stop();
  world.advance(2min);
  Clock::manual_wall_jump = 3 * 3600 * 1000;
  world.advance(7min);
  BOOST_TEST(heard.empty());
  world.advance(2min);
  BOOST_TEST((heard == std::vector<std::string>{id_of(1) + R"( drydock/absence/began {"minutes":10})"}));
}

// A power cut of the whole site: devices get the time to come.
BOOST_AUTO_TEST_CASE(the_time_that_the_service_was_away_does_not_count) {
  auto& kitchen = start_device(1, current());
  BOOST_REQUIRE(run_until_state(1, "current", 1min));
  watch->start();
  kitchen.stop();
  world.advance(8min);
  watch->stop();
  world.advance(2h);
  server::AbsenceWatch next(
      world.loop, *writer, 10, true, [this](const server::PublishedEvent& event) { heard.push_back(event.name); });
  next.start();
  world.advance(9min);
  BOOST_TEST(heard.empty());
  world.advance(2min);
  BOOST_TEST(heard.size() == 1U);
  next.stop();
  world.run_until_idle();
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(absences_in_the_store)

BOOST_AUTO_TEST_CASE(those_that_were_let_in_and_were_here_before_one_machine_tells_of_them) {
  auto db = fresh_database();
  for (const auto& row : {device_row('a', false, 5, "approved"), device_row('b', true, 5, "approved"),
           device_row('c', false, 0, "approved"), device_row('d', false, 5, "pending")}) {
    store::add_device(db, row);
    store::update_device(db, row);
  }
  const auto look = [&](std::int64_t now) { return store::look_at_absences(db, now, 100, 10); };
  BOOST_TEST(look(1000).begun.empty());
  const auto seen = look(1100);
  BOOST_TEST_REQUIRE(seen.begun.size() == 1U);
  BOOST_TEST(seen.begun.front().device_id == std::string(24, 'a'));
  BOOST_TEST(seen.begun.front().since == 1000);
  BOOST_TEST(look(1100).begun.empty());
  store::update_device(db, device_row('a', true, 1200, "approved"));
  BOOST_TEST(look(1300).ended.size() == 1U);
  BOOST_TEST(look(1300).ended.empty());
  // Now and then it is here, between two looks.
  for (std::int64_t now = 1350; now < 2000; now += 50) {
    store::update_device(db, device_row('a', false, now - 5, "approved"));
    BOOST_TEST(look(now).begun.empty());
  }
  BOOST_TEST(look(2100).begun.size() == 1U);
  store::update_device(db, device_row('a', false, 2150, "approved"));
  BOOST_TEST(look(2200).ended.size() == 1U);
  // Who is let in no more is nobody's.
  store::set_approval(db, std::string(24, 'a'), "refused");
  BOOST_TEST(look(9000).begun.empty());
}

BOOST_AUTO_TEST_SUITE_END()
