#include "server/commands.hpp"
#include "support/any_engine.hpp"
#include "support/test_system.hpp"
#include "web/http.hpp"
#include "web/api.hpp"
#include "web/password.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <atomic>
#include <thread>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t minute = 60'000;
const std::string good_password = "correct horse";

struct AuthenticationFixture {
  AuthenticationFixture() : db(fresh_database()), random(1), authentication(make(0)) {}
  web::Authentication make(std::int64_t now) {
    const auto persist = [this](web::Authentication::Work work) { return work(db); };
    return web::Authentication(db, random, persist, now);
  }
  store::Database db;
  SeededRandom random;
  web::Authentication authentication;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(web_unit)

BOOST_FIXTURE_TEST_CASE(a_household_of_ipv6_has_one_number_of_tries, AuthenticationFixture) {
  BOOST_REQUIRE(
      authentication.set_up(authentication.setup_code(), good_password, web::Client("10.0.0.1"), 0).has_value());
  int refused = 0;
  for (int i = 0; i < 10; ++i)
    refused +=
        authentication.log_in({"", "wrong"}, web::Client("2001:db8:2:6::" + std::to_string(i + 1)), 0).error().kind ==
        ErrorKind::refused;
  BOOST_TEST(refused == 3);
  BOOST_TEST(authentication.log_in({"", good_password}, web::Client("2001:db8:2:7::1"), 0).has_value());
}

BOOST_FIXTURE_TEST_CASE(a_set_up_code_may_be_typed_without_dashes, AuthenticationFixture) {
  auto code = authentication.setup_code();
  std::erase(code, '-');
  for (auto& c : code) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  BOOST_TEST(authentication.set_up(code, good_password, web::Client("10.0.0.1"), 0).has_value());
}

BOOST_FIXTURE_TEST_CASE(wrong_tries_lock_a_peer_out_for_longer_and_longer, AuthenticationFixture) {
  BOOST_REQUIRE(
      authentication.set_up(authentication.setup_code(), good_password, web::Client("10.0.0.1"), 0).has_value());
  std::int64_t now = 0;
  std::vector<std::int64_t> locks;
  for (int i = 0; i < 15; ++i) {
    BOOST_TEST((authentication.log_in({"", "wrong"}, web::Client("10.0.0.2"), now).error().kind == ErrorKind::refused));
    locks.push_back(authentication.locked_for("", {"10.0.0.2"}, now));
    now += locks.back();
  }
  const std::vector<std::int64_t> first(locks.begin(), locks.begin() + 6);
  const std::vector<std::int64_t> expected{0, 0, 1000, 2000, 4000, 8000};
  BOOST_TEST(first == expected, boost::test_tools::per_element());
  BOOST_TEST(locks.back() == 15 * minute);
  // While locked out, the right password does not help, and costs no hash; others are not concerned.
  BOOST_TEST(!authentication.log_in({"", "wrong"}, web::Client("10.0.0.2"), now).has_value());
  BOOST_TEST((authentication.log_in({"", good_password}, web::Client("10.0.0.2"), now).error().kind ==
      ErrorKind::rate_limited));
  BOOST_TEST(authentication.log_in({"", good_password}, web::Client("10.0.0.3"), now).has_value());
  now += 15 * minute;
  BOOST_TEST(authentication.log_in({"", good_password}, web::Client("10.0.0.2"), now).has_value());
  BOOST_TEST(authentication.locked_for("", {"10.0.0.2"}, now) == 0);
}

BOOST_FIXTURE_TEST_CASE(a_session_ends_after_thirty_days_and_outlives_the_program, AuthenticationFixture) {
  const auto session = authentication.set_up(authentication.setup_code(), good_password, web::Client("10.0.0.1"), 0);
  const auto end = web::Authentication::session_milliseconds;
  BOOST_TEST(authentication.by_session(*session, end - 1).has_value());
  BOOST_TEST(!authentication.by_session(*session, end).has_value());
  auto again = make(end - 1);
  BOOST_TEST(again.by_session(*session, end - 1).has_value());
  BOOST_TEST(again.setup_code().empty());
  auto later = make(end);
  BOOST_TEST(!later.by_session(*session, end - 1).has_value());
}

BOOST_FIXTURE_TEST_CASE(
    the_set_up_code_stays_the_same_until_it_is_used_and_guessing_it_is_slowed, AuthenticationFixture) {
  const auto code = authentication.setup_code();
  auto again = make(0);
  BOOST_TEST(again.setup_code() == code);
  for (int i = 0; i < 3; ++i)
    BOOST_TEST(
        (again.set_up("aaaa-aaaa-aaaa", good_password, web::Client("10.0.0.9"), 0).error().kind == ErrorKind::refused));
  BOOST_TEST((again.set_up(code, good_password, web::Client("10.0.0.9"), 0).error().kind == ErrorKind::rate_limited));
  BOOST_TEST(again.needs_setup());
}

BOOST_AUTO_TEST_CASE(a_path_means_what_it_says) {
  using web::decode_path;
  BOOST_TEST(*decode_path("/api/v1/targets/group/green%20house") == "/api/v1/targets/group/green house");
  BOOST_TEST(*decode_path("/v1/events/orders%2Ftea") == "/v1/events/orders/tea");
  BOOST_TEST(*decode_path("/") == "/");
  BOOST_TEST(*decode_path("/api/v1/releases/3.3.1...") == "/api/v1/releases/3.3.1...");
  // What would be another thing once it is decoded.
  for (const auto* bad : {"/api/v1/targets/group/..%2F..%2Fusers%2Fvic", "/api/v1/targets/group/a%2fb",
           "/api/v1/targets/group/..%5c..%5Cusers", "/api/v1/targets/group/%2e%2e/fleet", "/api/v1/x/.",
           "/v1/devices/..%2F..%2Fapi", "/v1/%2E%2E/x", "/api/v1/releases/a%00b", "/api/v1/releases/a%5Cb"})
    BOOST_TEST(!decode_path(bad).has_value(), bad);
}

BOOST_AUTO_TEST_CASE(passwords_are_salted_and_hashed_with_argon2id) {
  const auto a = web::hash_password(good_password, Bytes(16, 1));
  const auto b = web::hash_password(good_password, Bytes(16, 2));
  BOOST_TEST(a.starts_with("$argon2id$"));
  BOOST_TEST(a != b);
  BOOST_TEST(web::is_password(good_password, a));
  BOOST_TEST(web::is_password(good_password, b));
  BOOST_TEST(!web::is_password("correct hors", a));
  BOOST_TEST(!web::is_password(good_password, "no hash"));
}

// A device that makes progress many times a second is published four times a second, and shares the snapshot of the
// others.
BOOST_FIXTURE_TEST_CASE(the_page_is_told_rarely_and_only_what_changed, TestSystem) {
  add_firmware(system_part(1, 3, {}, 100'000));
  auto writer = store::Writer::on_loop(std::make_shared<store::Database>(database()), world.loop.get_executor());
  service::LoopBridge bridge(world.loop, server(), *writer);
  auto& quiet = start_device(2, {system_part(1, 3), user_part(1, {4, 1, 3})});
  BOOST_REQUIRE(run_until_state(2, "current", 1min));
  world.advance(1s);
  virtual_device::Options options;
  options.takes_fast_ota = false;
  options.chunk_timeout = 20ms;
  (void)start_device(1, {system_part(1, 1), user_part(1, {4, 1, 3})}, options);
  const auto before = bridge.snapshot();
  const auto in_memory = [&](int number) { return server().fleet().at(*transport::DeviceId::parse(id_of(number))); };
  const auto quiet_before = in_memory(2).revision;
  std::set<std::uint64_t> published;
  const auto began = Clock::now();
  BOOST_REQUIRE(run_until(5min, [&] {
    published.insert(bridge.snapshot()->revision);
    return in_memory(1).row.state == "current";
  }));
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  BOOST_TEST(published.size() > 5u);
  BOOST_TEST(static_cast<double>(published.size()) <= seconds * 4 + 2);
  BOOST_TEST(in_memory(2).revision == quiet_before);
  BOOST_TEST(quiet_before <= before->revision);
  BOOST_TEST(quiet.connected);
  // Nothing happens, nothing is published.
  world.advance(1s);
  const auto last = bridge.snapshot();
  world.advance(10s);
  BOOST_TEST((bridge.snapshot() == last));
}

// A change made through the page publishes at once; what was about to be published before must not stop all that comes
// after.
BOOST_FIXTURE_TEST_CASE(the_page_goes_on_behind_a_change_while_devices_change_all_the_time, TestSystem) {
  add_firmware(system_part(1, 3, {}, 200'000));
  auto writer = store::Writer::on_loop(std::make_shared<store::Database>(database()), world.loop.get_executor());
  service::LoopBridge bridge(world.loop, server(), *writer);
  virtual_device::Options options;
  options.takes_fast_ota = false;
  options.chunk_timeout = 20ms;
  (void)start_device(1, {system_part(1, 1), user_part(1, {4, 1, 3})}, options);
  BOOST_REQUIRE(run_until_state(1, "updating", 1min));
  for (int round = 0; round < 5; ++round) {
    world.advance(100ms);  // a publication is due and has not come
    std::atomic<bool> done = false;
    std::thread browser([&] {
      BOOST_TEST(bridge.change([](store::Database&) -> Result<void> { return {}; }).has_value());
      done = true;
    });
    while (!done) {
      world.run_until_idle();
      std::this_thread::yield();
    }
    browser.join();
    const auto before = bridge.snapshot()->revision;
    world.advance(2s);
    BOOST_TEST(bridge.snapshot()->revision > before);
  }
}

// As the web server's threads use it: the change is made on the loop, and is there when the call comes back.
BOOST_AUTO_TEST_CASE(a_change_from_another_thread_is_made_on_the_loop_and_refused_once_closed) {
  TemporaryFolder folder;
  const state::StateFolder state{folder.path()};
  BOOST_REQUIRE(state.create().has_value());
  asio::io_context loop(1);
  auto writer =
      store::Writer::on_thread(store::Database::open(state.location(), store::Access::read_write), loop.get_executor());
  const firmware::ModuleFiles files(state.firmware());
  SeededRandom random(1);
  server::DeviceServer server(server::Services{loop, *writer, files, server_key(), random, crypto::Workers()}, {});
  service::LoopBridge bridge(loop, server, *writer);
  std::thread browser([&] {
    const auto paused = bridge.change([](store::Database& db) -> Result<void> {
      server::commands::pause(db, true);
      return {};
    });
    BOOST_TEST(paused.has_value());
    BOOST_TEST(bridge.snapshot()->paused);
    const auto forbidden = bridge.change([](store::Database&) -> Result<void> { return {}; },
        [](const server::DeviceServer&) -> Result<void> { return failure(ErrorKind::conflict, "no"); });
    BOOST_TEST((forbidden.error().kind == ErrorKind::conflict));
    const auto broken =
        bridge.change([](store::Database&) -> Result<void> { throw std::runtime_error("the disk is full"); });
    BOOST_TEST((broken.error().kind == ErrorKind::storage));
    bridge.close();
    const auto late = bridge.change([](store::Database&) -> Result<void> { return {}; });
    BOOST_TEST((late.error().kind == ErrorKind::closed));
    BOOST_TEST((bridge.wait_newer(0, 1h) == nullptr));
    asio::post(loop, [&] { loop.stop(); });
  });
  const auto working = asio::make_work_guard(loop);
  loop.run();
  browser.join();
}

BOOST_AUTO_TEST_SUITE_END()
