#include "base/limits.hpp"
#include "store/policies.hpp"
#include "store/devices.hpp"
#include "store/sqlite_engine.hpp"
#include "store/statement.hpp"
#include "store/history.hpp"
#include "store/migrations.hpp"
#include "store/modules.hpp"
#include "store/nodes.hpp"
#include "store/updates.hpp"
#include "store/writer.hpp"
#include "base/temporary_folder.hpp"
#include "support/any_engine.hpp"
#include "support/world.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>

using namespace drydock;
using namespace drydock::testing;
using store::Access;
using store::Database;

namespace {

const std::string id = "3f0042000f47343432313031";

store::DeviceRow photon() {
  store::DeviceRow row;
  row.id = id;
  row.public_key = {1, 2, 3};
  row.platform = 6;
  row.first_seen = row.last_seen = 1000;
  return row;
}

planning::Step step(std::uint16_t version, const std::string& sha = std::string(64, 'a')) {
  planning::Step s;
  s.module.key = {firmware::Function::system_part, 1};
  s.module.version = version;
  s.module.sha256 = sha;
  s.module.size = 1000;
  s.from_version = 1;
  s.reason = "because";
  return s;
}

std::string message_of(const std::filesystem::path& file, Access access) {
  try {
    (void)Database::open(file, access);
    return "";
  } catch (const store::StoreError& e) {
    return e.what();
  }
}

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(store_unit)

BOOST_AUTO_TEST_CASE(a_database_is_made_once_and_opened_again) {
  TemporaryFolder folder;
  const auto file = folder.path() / "drydock.db";
  {
    auto db = Database::open(file, Access::read_write);
    store::add_device(db, photon());
  }
  auto db = Database::open(file, Access::read_only);
  const auto row = store::load_device(db, id);
  BOOST_REQUIRE(row.has_value());
  BOOST_TEST(row->approval == "pending");
  BOOST_TEST((row->public_key == Bytes{1, 2, 3}));
  BOOST_TEST(db.sqlite().sql().execAndGet("PRAGMA user_version").getInt() == store::newest_migration());
}

BOOST_AUTO_TEST_CASE(a_database_of_a_newer_program_is_refused_and_left_alone) {
  TemporaryFolder folder;
  const auto file = folder.path() / "drydock.db";
  {
    auto db = Database::open(file, Access::read_write);
    db.sqlite().sql().exec("PRAGMA user_version = 9999");
  }
  const auto before = content_of(file);
  const auto message = message_of(file, Access::read_write);
  BOOST_TEST(message.find("written by a newer Drydock") != std::string::npos, message);
  BOOST_TEST(message.find("9999") != std::string::npos);
  BOOST_TEST((content_of(file) == before));
}

// As every released program left it: each schema there ever was comes up to date, and nothing in it is lost.
BOOST_AUTO_TEST_CASE(every_older_schema_is_brought_up_to_date) {
  for (int version = 1; version < store::newest_migration(); ++version) {
    TemporaryFolder folder;
    const auto file = folder.path() / "drydock.db";
    {
      SQLite::Database old(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
      store::migrate(old, version);
      old.exec("PRAGMA application_id = 1146247492");
      old.exec("INSERT INTO devices (id, platform, public_key, first_seen, last_seen, name, approval) VALUES ('" + id +
          "', 6, x'010203', 1, 2, 'greenhouse', 'approved')");
      old.exec(
          "INSERT INTO modules (sha256, file_name, size, platform, function, module_index, version, flags, "
          "dependencies, suffix_sha256, added) "
          "VALUES ('" +
          std::string(64, 'a') + "', 'part1.bin', 5, 6, 4, 1, 3, 0, '[]', '', 1)");
      BOOST_TEST(old.execAndGet("PRAGMA user_version").getInt() == version);
    }
    auto db = Database::open(file, Access::read_write);
    BOOST_TEST(db.sqlite().sql().execAndGet("PRAGMA user_version").getInt() == store::newest_migration());
    BOOST_TEST(store::load_device(db, id)->name == "greenhouse");
    BOOST_TEST(store::load_library(db).all().at(0)->title() == "system part 1 version 3 (0.4.3)");
    BOOST_TEST(db.integrity() == "ok");
  }
}

BOOST_AUTO_TEST_CASE(a_damaged_file_and_a_strange_database_are_refused_and_left_alone) {
  TemporaryFolder folder;
  const auto file = folder.path() / "drydock.db";
  std::ofstream(file) << std::string(5000, 'x');
  BOOST_TEST(message_of(file, Access::read_write).find("is damaged") != std::string::npos);
  BOOST_TEST(content_of(file) == std::string(5000, 'x'));

  const auto strange = folder.path() / "strange.db";
  {
    SQLite::Database other(strange.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    other.exec("CREATE TABLE diary (entry TEXT)");
  }
  BOOST_TEST(message_of(strange, Access::read_write).find("database of another program") != std::string::npos);
  BOOST_TEST(message_of(folder.path() / "nowhere" / "drydock.db", Access::read_write).find("cannot be opened") !=
      std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_people_decide_is_not_overwritten_by_the_service) {
  auto db = fresh_database();
  store::add_device(db, photon());
  store::set_approval(db, id, "approved");
  store::set_name(db, id, "greenhouse");
  auto row = photon();
  row.connected = true;
  store::update_device(db, row);
  const auto now = *store::load_device(db, id);
  BOOST_TEST(now.approval == "approved");
  BOOST_TEST(now.name == "greenhouse");
  BOOST_TEST(now.connected);
}

BOOST_AUTO_TEST_CASE(a_changed_key_is_kept_until_a_person_accepts_it) {
  auto db = fresh_database();
  store::add_device(db, photon());
  BOOST_TEST(!store::accept_changed_key(db, id));
  store::note_changed_key(db, id, {9, 9}, 5000);
  BOOST_TEST((store::load_device(db, id)->public_key == Bytes{1, 2, 3}));
  BOOST_TEST(store::accept_changed_key(db, id));
  BOOST_TEST((store::load_device(db, id)->public_key == Bytes{9, 9}));
  BOOST_TEST(store::load_device(db, id)->changed_key.empty());
}

BOOST_AUTO_TEST_CASE(modules_targets_and_history_go_with_a_forgotten_device) {
  auto db = fresh_database();
  store::add_device(db, photon());
  firmware::InstalledModule m;
  m.key = {firmware::Function::system_part, 2};
  m.version = 7;
  m.dependencies = {{{firmware::Function::system_part, 1}, 7}};
  m.store = firmware::StoreLocation::factory;
  store::save_modules(db, id, {m});
  BOOST_TEST((store::load_modules(db, id) == std::vector{m}));
  store::save_target(db, id, {m.key, 8, "abc"});
  BOOST_TEST(store::load_update_policy(db, id).targets.targets.size() == 1u);
  store::append_history(db, {1, id, "x", "y"});
  store::record_plan(db, id, {step(3)}, 1);
  BOOST_TEST(store::forget_device(db, id));
  BOOST_TEST(!store::forget_device(db, id));
  store::update_device(db, photon());  // a session that has not noticed yet brings nothing back
  BOOST_TEST(!store::load_device(db, id).has_value());
  BOOST_TEST(store::load_modules(db, id).empty());
  BOOST_TEST(store::recent_history(db, id, 10).empty());
  BOOST_TEST(store::recent_steps(db, id, 10).empty());
}

BOOST_AUTO_TEST_CASE(a_step_goes_from_planned_to_verified_and_forgets_its_attempts) {
  auto db = fresh_database();
  store::add_device(db, photon());
  store::record_plan(db, id, {step(3), step(4, std::string(64, 'b'))}, 100);
  const auto row = store::begin_step(db, id, step(3), 200, 200);
  BOOST_TEST(store::load_attempts(db, id, step(3), 200).count == 1);
  store::record_progress(db, row, 600);
  store::record_progress(db, row, 500);  // acknowledged progress never goes back
  BOOST_TEST(store::step_in_flight(db, id)->bytes_acknowledged == 600u);
  store::mark_sent(db, row, true, 300);
  store::mark_verified(db, *store::step_in_flight(db, id), 400);
  BOOST_TEST(!store::step_in_flight(db, id).has_value());
  BOOST_TEST(store::load_attempts(db, id, step(3), 200).count == 0);
  // The same plan again is no new plan.
  store::record_plan(db, id, {step(4, std::string(64, 'b'))}, 500);
  BOOST_TEST(store::recent_steps(db, id, 10).size() == 2u);
  store::end_update(db, id, "done", "", 600);
  BOOST_TEST(store::recent_steps(db, id, 1)[0].state == "superseded");
}

// The device may have taken all of it: its next Describe says so.
BOOST_AUTO_TEST_CASE(a_step_that_the_service_itself_cut_short_waits_for_the_device) {
  auto db = fresh_database();
  store::add_device(db, photon());
  store::record_plan(db, id, {step(3)}, 100);
  store::begin_step(db, id, step(3), 200, 200);
  store::release_unowned(db);
  BOOST_REQUIRE(store::step_in_flight(db, id).has_value());
  BOOST_TEST(store::step_in_flight(db, id)->state == "sending");
}

BOOST_AUTO_TEST_CASE(a_device_that_runs_what_it_should_has_no_attempts_left) {
  auto db = fresh_database();
  store::add_device(db, photon());
  for (const auto& [end, left] : {std::pair{"blocked", 1}, std::pair{"done", 0}}) {
    store::record_plan(db, id, {step(3)}, 100);
    store::begin_step(db, id, step(3), 200, 200);
    store::mark_failed(db, *store::step_in_flight(db, id), "", 300);
    store::end_update(db, id, end, "", 400);
    BOOST_TEST(store::query_integer(db, "SELECT count(*) FROM attempts") == left);
  }
}

BOOST_AUTO_TEST_CASE(years_of_updates_do_not_fill_the_card) {
  auto db = fresh_database();
  store::add_device(db, photon());
  constexpr int updates = 150;
  for (int i = 0; i < updates; ++i) {
    store::record_plan(db, id, {step(3), step(4, std::string(64, 'b'))}, i);
    store::end_update(db, id, "blocked", "", i);
  }
  store::record_plan(db, id, {step(3)}, updates);
  const auto steps = store::recent_steps(db, id, 10'000);
  BOOST_TEST(steps.size() == static_cast<std::size_t>(limits::steps_per_device));
  BOOST_TEST(steps.front().state == "planned");
  BOOST_TEST(store::query_integer(db, "SELECT count(*) FROM updates") < updates);
  BOOST_TEST(
      store::query_integer(
          db, "SELECT count(*) FROM updates WHERE update_number = " + std::to_string(steps.back().update_number)) == 1);
}

BOOST_AUTO_TEST_CASE(history_keeps_its_newest_rows_only) {
  auto db = fresh_database();
  for (int i = 0; i < limits::history_per_device + 50; ++i) store::append_history(db, {i, id, "k", std::to_string(i)});
  const auto rows = store::recent_history(db, id, 10'000);
  BOOST_TEST(rows.size() == static_cast<std::size_t>(limits::history_per_device));
  BOOST_TEST(rows.front().words == std::to_string(limits::history_per_device + 49));
}

// The writer on its thread: a failing job takes no other with it, and everything submitted is written at the end.
BOOST_AUTO_TEST_CASE(the_writer_isolates_jobs_and_loses_none) {
  TemporaryFolder folder;
  const auto file = folder.path() / "drydock.db";
  asio::io_context loop;
  int good = 0;
  int failed = 0;
  {
    auto writer = store::Writer::on_thread(Database::open(file, Access::read_write), loop.get_executor());
    const auto write = [&](int i) -> asio::awaitable<void> {
      std::function<void(Database&)> work = [i](Database& db) {
        store::append_history(db, {i, "", "k", "w"});
        if (i % 10 == 3) throw std::runtime_error("on purpose");
      };
      const auto done = co_await writer->perform(std::move(work));
      ++(done ? good : failed);
    };
    for (int i = 0; i < 100; ++i) asio::co_spawn(loop, write(i), [](std::exception_ptr) {});
    loop.run();  // returns only when every waiting coroutine has had its answer
    for (int i = 0; i < 5; ++i) writer->post([i](Database& db) { store::append_history(db, {i, "", "posted", "w"}); });
  }
  BOOST_TEST(good == 90);
  BOOST_TEST(failed == 10);
  auto db = Database::open(file, Access::read_only);
  BOOST_TEST(store::recent_history(db, "", 1000).size() == 95u);
}

// What work wrote before it gave a failure is undone; other jobs in the same transaction stay.
BOOST_AUTO_TEST_CASE(work_that_gives_a_failure_leaves_nothing_behind) {
  SimulatedWorld world;
  auto db = std::make_shared<Database>(fresh_database());
  store::add_device(*db, photon());
  store::save_target(*db, id, {{firmware::Function::system_part, 1}, 3, ""});
  const auto writer = store::Writer::on_loop(db, world.loop.get_executor());
  Result<Result<void>> outcome;
  writer->post([](Database& open) { store::set_name(open, id, "neighbour"); });
  world.spawn([&]() -> asio::awaitable<void> {
    std::function<Result<void>(Database&)> work = [](Database& open) -> Result<void> {
      store::clear_targets(open, id);
      return failure(ErrorKind::not_found, "no such module");
    };
    outcome = co_await writer->perform<Result<void>>(std::move(work));
  });
  world.run_until_idle();
  BOOST_REQUIRE(outcome.has_value());
  BOOST_TEST(outcome->error().message == "no such module");
  BOOST_TEST(store::load_update_policy(*db, id).targets.targets.size() == 1u);
  BOOST_TEST(store::load_device(*db, id)->name == "neighbour");
  const auto failed = db->transact([](Database& open) -> Result<void> {
    store::clear_targets(open, id);
    return failure(ErrorKind::conflict, "no");
  });
  BOOST_TEST(!failed.has_value());
  BOOST_TEST(store::load_update_policy(*db, id).targets.targets.size() == 1u);
}

// Sendings of a file are counted over what became of them, within a day of running time.
BOOST_AUTO_TEST_CASE(sendings_of_the_last_day_are_counted_whatever_came_of_them) {
  auto db = fresh_database();
  store::add_device(db, photon());
  constexpr std::int64_t hour = 3'600'000;
  const auto send = [&](std::int64_t running) {
    store::record_plan(db, id, {step(3)}, 0);
    const auto row = store::begin_step(db, id, step(3), 0, running);
    store::mark_sent(db, row, true, 0);
    store::mark_verified(db, *store::step_in_flight(db, id), 0);
    store::end_update(db, id, "done", "", 0);
  };
  for (int i = 0; i < 5; ++i) send(i * hour);
  BOOST_TEST(store::load_attempts(db, id, step(3), 5 * hour).count == 0);
  BOOST_TEST(store::load_attempts(db, id, step(3), 5 * hour).recent_sends == 5);
  BOOST_TEST(store::load_attempts(db, id, step(3, std::string(64, 'b')), 5 * hour).recent_sends == 0);
  BOOST_TEST(store::load_attempts(db, id, step(3), 24 * hour).recent_sends == 0);
  send(24 * hour);
  BOOST_TEST(store::load_attempts(db, id, step(3), 25 * hour).recent_sends == 1);
  send(23 * hour);  // a crash took an hour of running time back
  BOOST_TEST(store::load_attempts(db, id, step(3), 24 * hour).recent_sends == 2);
  send(hour);  // and much more
  BOOST_TEST(store::load_attempts(db, id, step(3), 25 * hour - 1).recent_sends == 3);
  BOOST_TEST(store::load_attempts(db, id, step(3), 25 * hour).recent_sends == 0);
  store::allow_again(db, id);
  BOOST_TEST(store::load_attempts(db, id, step(3), hour).recent_sends == 0);
}

BOOST_AUTO_TEST_CASE(what_is_settled_is_not_called_sent_later) {
  auto db = fresh_database();
  store::add_device(db, photon());
  store::record_plan(db, id, {step(3)}, 0);
  const auto row = store::begin_step(db, id, step(3), 0, 0);
  store::mark_verified(db, *store::step_in_flight(db, id), 0);
  store::mark_sent(db, row, true, 0);
  BOOST_TEST(store::recent_steps(db, id, 1).at(0).state == "verified");
}

BOOST_AUTO_TEST_CASE(a_database_is_for_its_owner_alone_and_none_of_the_next_program) {
  TemporaryFolder folder;
  const auto file = folder.path() / "drydock.db";
  { std::ofstream made(file); }
  std::filesystem::permissions(file, std::filesystem::perms::owner_all | std::filesystem::perms::others_read);
  { auto db = Database::open(file, Access::read_write); }
  BOOST_TEST((std::filesystem::status(file).permissions() ==
      (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)));
  {
    auto db = Database::open(file, Access::read_write);
    db.sqlite().sql().exec("PRAGMA user_version = " + std::to_string(store::newest_migration() + 1));
  }
  BOOST_TEST(message_of(file, Access::read_write).find("newer Drydock") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_attempt_that_is_taken_back_asks_nobody_to_wait) {
  auto db = fresh_database();
  store::add_device(db, photon());
  store::record_plan(db, id, {step(3)}, 0);
  store::mark_sent(db, store::begin_step(db, id, step(3), 0, 5'000), false, 0);
  const auto in_flight = *store::step_in_flight(db, id);
  BOOST_TEST(!in_flight.confirmed);
  store::mark_failed(db, in_flight, "nobody knows", 0);
  store::take_back_attempt(db, in_flight);
  const auto attempts = store::load_attempts(db, id, step(3), 5'000);
  BOOST_TEST(attempts.count == 0);
  BOOST_TEST(attempts.last_started == 0);
  BOOST_TEST(attempts.recent_sends == 1);
}

// As SQLite does by itself when the disk is full: the transaction is gone in the middle of a batch.
BOOST_AUTO_TEST_CASE(behind_a_lost_transaction_nothing_stays) {
  SimulatedWorld world;
  auto db = std::make_shared<Database>(fresh_database());
  auto writer = store::Writer::on_loop(db, world.loop.get_executor());
  int failed = 0;
  const auto write = [&](int i) -> asio::awaitable<void> {
    std::function<void(Database&)> work = [i](Database& d) {
      if (i == 1) d.connection().execute("ROLLBACK");
      if (i == 1) throw std::runtime_error("the disk is full");
      store::append_history(d, {i, "", "k", "w"});
    };
    failed += !(co_await writer->perform(std::move(work))).has_value();
  };
  for (int i = 0; i < 3; ++i) world.spawn([&write, i]() { return write(i); });
  world.run_until_idle();
  BOOST_TEST(failed == 3);
  BOOST_TEST(store::recent_history(*db, "", 10).empty());
}

BOOST_AUTO_TEST_SUITE_END()
