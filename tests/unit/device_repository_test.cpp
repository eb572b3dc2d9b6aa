// What sessions write to the store.
#include "server/device_repository.hpp"
#include "server/dtls_session_store.hpp"
#include "store/dtls_sessions.hpp"
#include "store/statement.hpp"
#include "support/any_engine.hpp"
#include "support/test_system.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;

namespace {

transport::DeviceIdentity identity_of(int number, int key) {
  transport::DeviceIdentity identity;
  identity.id.bytes[11] = static_cast<std::uint8_t>(number);
  identity.public_key = device_key(key).public_key_spki();
  return identity;
}

struct StoreWithOneDevice {
  SimulatedWorld world;
  std::shared_ptr<store::Database> db = std::make_shared<store::Database>(fresh_database());
  store::DeviceRow row;
  std::unique_ptr<store::Writer> writer = store::Writer::on_loop(db, world.loop.get_executor());

  StoreWithOneDevice() {
    row.id = identity_of(1, 1).id.text();
    row.public_key = {1};
    store::add_device(*db, row);
  }
};

planning::Step step_of_system_part() {
  planning::Step step;
  step.module.key = {firmware::Function::system_part, 1};
  step.module.version = 3;
  step.module.sha256 = std::string(64, 'a');
  return step;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(device_repository, StoreWithOneDevice)

// A step that another connection has judged is nothing to the one that began it.
BOOST_AUTO_TEST_CASE(a_failure_of_an_old_connection_fails_no_newer_step) {
  server::ServiceUptime running;
  running.begin(0);
  server::DeviceRepository repository(*writer, running);
  const auto step = step_of_system_part();
  store::record_plan(*db, row.id, {step}, 1);
  const auto first = store::begin_step(*db, row.id, step, 1, 1);
  store::mark_failed(*db, *store::step_in_flight(*db, row.id), "judged", 2);  // by another connection
  store::record_plan(*db, row.id, {step}, 3);
  const auto second = store::begin_step(*db, row.id, step, 3, 3);
  const store::Ownership alone;
  world.spawn([&]() -> asio::awaitable<void> {
    (void)co_await repository.failed(row.id, first, "of the old connection", alone);
  });
  world.run_until_idle();
  BOOST_REQUIRE(store::step_in_flight(*db, row.id).has_value());
  BOOST_TEST(store::step_in_flight(*db, row.id)->id == second);
}

// It was given up while the device wrote it down: what the device says behind that counts.
BOOST_AUTO_TEST_CASE(a_step_that_failed_is_verified_by_a_describe_that_has_it) {
  server::ServiceUptime running;
  running.begin(0);
  server::DeviceRepository repository(*writer, running);
  const auto step = step_of_system_part();
  store::record_plan(*db, row.id, {step}, 1);
  (void)store::begin_step(*db, row.id, step, 1, 1);
  store::mark_failed(*db, *store::step_in_flight(*db, row.id), "did not confirm in time", 2);
  firmware::Inventory reported;
  reported.modules.resize(1);
  reported.modules[0].key = step.module.key;
  reported.modules[0].version = 2;
  const auto judge = [&] {
    bool judged = false;
    world.spawn([&]() -> asio::awaitable<void> {
      const auto outcome = co_await repository.reconcile(row.id, reported, store::Ownership{});
      judged = outcome && outcome->step;
    });
    world.run_until_idle();
    return judged;
  };
  BOOST_TEST(!judge());
  BOOST_TEST(store::recent_steps(*db, row.id, 1)[0].state == "failed");
  reported.modules[0].version = 3;
  BOOST_TEST(judge());
  BOOST_TEST(store::recent_steps(*db, row.id, 1)[0].state == "verified");
  BOOST_TEST(store::recent_steps(*db, row.id, 1)[0].error == "");
  BOOST_TEST(store::verified_steps(*db, row.id) == 1u);
  BOOST_TEST(!judge());  // once
}

// Sequence numbers are reserved from the store, and no further.
BOOST_AUTO_TEST_CASE(a_session_taken_up_uses_no_more_numbers_than_were_written_down) {
  server::DatabaseSessionStore sessions(*writer, 0);
  transport::PersistedSession session;
  session.device = identity_of(1, 1).id;
  session.reserved = 5000;
  session.state.client_key = {1};
  session.hello_payload = {1};
  session.address = "10.0.0.1";
  std::vector<transport::PersistedSession> taken;
  world.spawn([&]() -> asio::awaitable<void> {
    (void)co_await sessions.save(session);
    auto up = co_await sessions.load_and_reserve();
    if (up) taken = *up;
  });
  world.run_until_idle();
  BOOST_REQUIRE(taken.size() == 1u);
  BOOST_TEST(taken[0].state.next_to_send == 5000u);
  BOOST_TEST(taken[0].reserved > 5000u);
  BOOST_TEST(
      static_cast<std::int64_t>(taken[0].reserved) <= store::query_integer(*db, "SELECT leased FROM dtls_sessions"));
}

BOOST_AUTO_TEST_SUITE_END()
