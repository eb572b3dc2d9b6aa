// Configuration, keys, admission and attempts: the server's decisions without any network.
#include "server/admission.hpp"
#include "state/configuration.hpp"
#include "server/pending_devices.hpp"
#include "server/device_repository.hpp"
#include "server/dtls_session_store.hpp"
#include "state/server_keys.hpp"
#include "base/limits.hpp"
#include "planning/attempts.hpp"
#include "store/dtls_sessions.hpp"
#include "support/data.hpp"
#include "base/temporary_folder.hpp"
#include "support/test_system.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sys/stat.h>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;
using server::Admission;
using state::Policy;

namespace {

std::string problem(std::string_view text) {
  const auto parsed = state::parse_configuration(text, "drydock.toml");
  return parsed ? "" : parsed.error().message;
}

transport::DeviceIdentity identity_of(int number, int key) {
  transport::DeviceIdentity identity;
  identity.id.bytes[11] = static_cast<std::uint8_t>(number);
  identity.public_key = device_key(key).public_key_spki();
  return identity;
}

server::Fleet fleet_with(int number, int key, const std::string& approval = "approved") {
  server::Fleet fleet;
  auto& row = fleet[identity_of(number, key).id].row;
  row.approval = approval;
  row.public_key = identity_of(number, key).public_key;
  return fleet;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(server_unit)

BOOST_AUTO_TEST_CASE(the_printed_default_configuration_is_the_default) {
  const auto text = state::default_configuration_text();
  BOOST_TEST(problem(text) == "");
  // Also with every option switched on.
  std::string all;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    all += (line.starts_with("#") && line.find(" = ") != std::string::npos && line[1] != ' ' ? line.substr(1) : line) +
        "\n";
  const auto parsed = state::parse_configuration(all, "drydock.toml");
  BOOST_REQUIRE_MESSAGE(parsed.has_value(), (parsed ? "" : parsed.error().message));
  const state::Configuration usual;
  BOOST_TEST(parsed->state_folder == usual.state_folder);
  BOOST_TEST(parsed->address == usual.address);
  BOOST_TEST(parsed->tcp_port == usual.tcp_port);
  BOOST_TEST((parsed->policy == usual.policy));
  BOOST_TEST(parsed->concurrent_updates == usual.concurrent_updates);
  BOOST_TEST(parsed->fast_ota == usual.fast_ota);
  BOOST_TEST((parsed->log_level == usual.log_level));
}

BOOST_AUTO_TEST_CASE(a_wrong_configuration_says_where_and_what) {
  BOOST_TEST(problem("[listen]\ntcp_prot = 1\n") == "drydock.toml, line 2: there is no option 'listen.tcp_prot'");
  BOOST_TEST(problem("[listen]\ntcp_port = 70000\n") ==
      "drydock.toml, line 2: 'listen.tcp_port' must be a port number, 0 to 65535");
  BOOST_TEST(problem("[devices]\npolicy = \"opne\"\n") ==
      "drydock.toml, line 2: 'devices.policy' must be \"approve\", \"open\" or \"closed\"");
  BOOST_TEST(problem("[devices\n").starts_with("drydock.toml, line 1: "));
  BOOST_TEST(problem("surprise = 1\n") == "drydock.toml, line 1: there is no option 'surprise'");
  BOOST_TEST((state::load_configuration("/nowhere/drydock.toml").error().kind == ErrorKind::not_found));
}

BOOST_AUTO_TEST_CASE(the_server_keys_are_made_once_readable_by_nobody_else_and_never_replaced) {
  TemporaryFolder temporary;
  const state::StateFolder folder{temporary.path() / "state"};
  BOOST_REQUIRE(folder.create().has_value());
  const auto first = state::load_or_create_server_keys(folder);
  const auto second = state::load_or_create_server_keys(folder);
  BOOST_TEST(to_hex(first->tcp.public_key_spki()) == to_hex(second->tcp.public_key_spki()));
  BOOST_TEST(to_hex(first->udp.public_key_spki()) == to_hex(second->udp.public_key_spki()));
  struct stat status {};
  BOOST_REQUIRE(::stat(folder.server_key().c_str(), &status) == 0);
  BOOST_TEST((status.st_mode & 0777) == 0600u);
  BOOST_TEST((state::create_server_key(folder).error().kind == ErrorKind::conflict));
  std::filesystem::resize_file(folder.server_key(), 100);
  BOOST_TEST((state::load_or_create_server_keys(folder).error().kind == ErrorKind::malformed));
  BOOST_TEST(std::filesystem::file_size(folder.server_key()) == 100u);
}

// A new key beside an old one, a database or firmware would leave every device outside without a word.
BOOST_AUTO_TEST_CASE(no_key_is_made_where_something_shows_that_there_was_one) {
  const auto try_with = [](auto prepare) {
    TemporaryFolder temporary;
    const state::StateFolder folder{temporary.path() / "state"};
    (void)folder.create();
    prepare(folder);
    return state::load_or_create_server_keys(folder);
  };
  const auto refused = [](const auto& keys) {
    return !keys && keys.error().kind == ErrorKind::conflict &&
        keys.error().message.find("is missing") != std::string::npos;
  };
  BOOST_TEST(refused(try_with([](const auto& folder) { (void)state::create_udp_server_key(folder); })));
  BOOST_TEST(refused(try_with([](const auto& folder) { (void)state::create_server_key(folder); })));
  BOOST_TEST(refused(
      try_with([](const auto& folder) { (void)store::Database::open(folder.database(), store::Access::read_write); })));
  BOOST_TEST(refused(try_with(
      [](const auto& folder) { std::ofstream(folder.firmware() / (std::string(64, 'a') + ".bin")) << "module"; })));
  BOOST_TEST(try_with([](const auto&) {}).has_value());
  // Killed between the two renames of the first start.
  BOOST_TEST(try_with([](const auto& folder) {
    (void)state::load_or_create_server_keys(folder);
    std::filesystem::rename(folder.server_key(), folder.server_key().string() + ".new");
  }).has_value());
}

BOOST_AUTO_TEST_CASE(server_key_files_are_those_of_the_vectors) {
  const auto v = load_json("08_server_key_files.json");
  int compared = 0;
  for (const auto& file : v["files"]) {
    const bool tcp = file["transport"] == "tcp";
    ++compared;
    std::optional<std::uint16_t> port;
    if (!file["port"].is_null()) port = file["port"].get<std::uint16_t>();
    const auto made = state::server_key_file(tcp ? state::tcp_key_file : state::udp_key_file,
        hex(v[tcp ? "server_rsa_pub_der" : "server_ec_pub_der"]), file["host"], port);
    BOOST_REQUIRE(made.has_value());
    BOOST_TEST(to_hex(*made) == text_in(file["file"]));
  }
  BOOST_TEST(compared == 4);
  BOOST_TEST(!state::server_key_file(state::tcp_key_file, {}, std::string(64, 'h'), 1).has_value());
}

BOOST_AUTO_TEST_CASE(strangers_come_in_as_the_policy_says) {
  BOOST_TEST((server::evaluate(identity_of(1, 1), {}, Policy::approve).answer == Admission::Answer::unknown));
  BOOST_TEST((server::evaluate(identity_of(1, 1), {}, Policy::open).answer == Admission::Answer::unknown));
  const auto closed = server::evaluate(identity_of(1, 1), {}, Policy::closed);
  BOOST_TEST((closed.answer == Admission::Answer::rejected));
  BOOST_TEST(closed.key.empty());
  BOOST_TEST(closed.words.find("is unknown") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_known_device_is_known_by_its_key_only) {
  BOOST_TEST(
      (server::evaluate(identity_of(1, 1), fleet_with(1, 1), Policy::closed).answer == Admission::Answer::known));
  BOOST_TEST(
      (server::evaluate(identity_of(1, 2), fleet_with(1, 1), Policy::open).answer == Admission::Answer::changed_key));
  BOOST_TEST((server::evaluate(identity_of(1, 1), fleet_with(1, 1, "refused"), Policy::open).answer ==
      Admission::Answer::rejected));
}

BOOST_AUTO_TEST_CASE(an_old_core_that_sends_no_key_is_held_to_the_one_on_file) {
  auto identity = identity_of(1, 1);
  identity.public_key.clear();
  BOOST_TEST((server::evaluate(identity, fleet_with(1, 1), Policy::open).answer == Admission::Answer::known));
  BOOST_TEST((server::evaluate(identity, {}, Policy::open).answer == Admission::Answer::rejected));
  identity.public_key = Bytes(162, 3);
  BOOST_TEST((server::evaluate(identity, {}, Policy::open).answer == Admission::Answer::rejected));
  identity.public_key = server_key().public_key_spki();  // a key, but not one of a device's size
  BOOST_TEST((server::evaluate(identity, {}, Policy::open).answer == Admission::Answer::rejected));
}

// Many from one address, or with one key, leaves room for everybody else; who is not connected evicted first.
BOOST_AUTO_TEST_CASE(no_crowd_of_strangers_keeps_a_device_from_waiting_for_approval) {
  server::Fleet fleet;
  transport::Channel* connected = reinterpret_cast<transport::Channel*>(1);  // never looked into
  const auto add = [&](std::size_t number, const std::string& address) -> server::DeviceEntry& {
    transport::DeviceId id;
    id.bytes[0] = 1;
    id.bytes[1] = static_cast<std::uint8_t>(number);
    id.bytes[2] = static_cast<std::uint8_t>(number >> 8);
    auto& member = fleet[id];
    member.row.id = id.text();
    member.row.approval = "pending";
    member.row.address = address;
    member.row.public_key = Bytes{static_cast<std::uint8_t>(number), static_cast<std::uint8_t>(number >> 8)};
    member.row.first_seen = static_cast<std::int64_t>(number);
    return member;
  };
  const Bytes own_key{9, 9, 9};
  for (std::size_t i = 0; i < limits::pending_devices_per_address; ++i)
    add(i, "10.0.0.66").channel = i < 10 ? connected : nullptr;
  BOOST_TEST(server::find_pending_slot(fleet, "10.0.0.1", own_key).refusal == "");
  BOOST_TEST(!server::find_pending_slot(fleet, "10.0.0.1", own_key).evicted.has_value());
  const auto same_address = server::find_pending_slot(fleet, "10.0.0.66", own_key);
  BOOST_REQUIRE(same_address.evicted.has_value());
  BOOST_TEST(fleet.at(*same_address.evicted).row.first_seen == 10);
  for (auto& [id, member] : fleet) member.channel = connected;
  BOOST_TEST(server::find_pending_slot(fleet, "10.0.0.66", own_key).refusal.find("wait for approval already") !=
      std::string::npos);

  // Everything taken, by several addresses, and everybody connected: the largest many gives up its oldest.
  for (std::size_t i = limits::pending_devices_per_address; i < limits::pending_devices; ++i)
    add(i, "10.0.1." + std::to_string(i % 5)).channel = connected;
  const auto full = server::find_pending_slot(fleet, "10.0.0.1", own_key);
  BOOST_REQUIRE(full.evicted.has_value());
  BOOST_TEST(fleet.at(*full.evicted).row.address == "10.0.0.66");
  BOOST_TEST(fleet.at(*full.evicted).row.first_seen == 0);

  for (std::size_t i = 0; i < limits::pending_devices_per_key; ++i)
    add(5000 + i, "10.0.2." + std::to_string(i)).row.public_key = own_key;
  BOOST_TEST(server::find_pending_slot(fleet, "10.0.0.1", own_key).evicted.has_value());
  for (auto& [id, member] : fleet) member.channel = connected;
  BOOST_TEST(server::find_pending_slot(fleet, "10.0.0.1", own_key).refusal.find("same key") != std::string::npos);
}

// By the service's running time, which no clock can move.
BOOST_AUTO_TEST_CASE(who_waits_for_approval_and_is_not_seen_for_a_week_is_forgotten) {
  server::Fleet fleet;
  auto& member = fleet[identity_of(1, 1).id];
  member.row.approval = "pending";
  member.row.enrolled = 1'000;
  constexpr std::int64_t hour = 3'600'000;
  constexpr std::int64_t week = 7 * 24 * hour;
  BOOST_TEST(server::expired(fleet, 1'000 + week - 1, 2 * hour).empty());
  BOOST_TEST(server::expired(fleet, 1'000 + week, hour - 1).empty());  // it has time to come back behind a start
  BOOST_TEST(server::expired(fleet, 1'000 + week, 2 * hour).size() == 1u);
  member.last_seen = 5'000;
  BOOST_TEST(server::expired(fleet, 1'000 + week, 2 * hour).empty());
  member.last_seen = 0;
  member.row.approval = "approved";
  BOOST_TEST(server::expired(fleet, 9 * week, 2 * hour).empty());
}

BOOST_AUTO_TEST_CASE(a_file_sent_again_and_again_within_a_day_is_parked) {
  using planning::Permission;
  planning::Step step;
  planning::Attempts before;
  before.recent_sends = planning::max_sends - 1;
  BOOST_TEST((planning::check_attempt(step, before, 0).answer == Permission::Answer::go));
  before.recent_sends = planning::max_sends;
  const auto parked = planning::check_attempt(step, before, 0);
  BOOST_TEST((parked.answer == Permission::Answer::give_up));
  BOOST_TEST(parked.words.find("12 times within a day") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(three_attempts_with_growing_pauses_then_parked) {
  using planning::Permission;
  planning::Step step;
  step.module.version = 3;
  const std::int64_t started = 1'000'000;
  const auto ask = [&](int count, std::int64_t after) {
    return planning::check_attempt(step, {count, started, "it failed"}, started + after);
  };
  BOOST_TEST((ask(0, 0).answer == Permission::Answer::go));
  BOOST_TEST((ask(1, 59'999).answer == Permission::Answer::wait));
  BOOST_TEST(ask(1, 59'999).not_before == started + 60'000);
  BOOST_TEST((ask(1, 60'000).answer == Permission::Answer::go));
  BOOST_TEST((ask(2, 299'999).answer == Permission::Answer::wait));
  BOOST_TEST((ask(2, 300'000).answer == Permission::Answer::go));
  BOOST_TEST((ask(3, 1'000'000'000).answer == Permission::Answer::give_up));
  BOOST_TEST(ask(3, 1).words.find("tried 3 times: it failed") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(only_a_describe_says_what_became_of_a_step) {
  firmware::Inventory reported;
  reported.platform = 6;
  firmware::InstalledModule part;
  part.key = {firmware::Function::system_part, 2};
  part.version = 1;
  reported.modules = {part};
  planning::InFlight step{part.key, 3, "", 1, true};
  BOOST_TEST(planning::reconcile(step, reported).words ==
      "the device took system part 2 version 3 and still reports version 1");
  step.completely_sent = false;
  BOOST_TEST(planning::reconcile(step, reported).words ==
      "the connection ended before system part 2 version 3 was sent completely");
  BOOST_TEST(!planning::reconcile(step, reported).counts);  // nor is the bad link
  BOOST_TEST(planning::reconcile(step, {}).words == planning::reconcile(step, reported).words);
  BOOST_TEST(!planning::reconcile(step, {}).counts);
  // Behind a connection that ended before the device could confirm, the old version is nobody's fault.
  step.completely_sent = true;
  step.confirmed = false;
  BOOST_TEST(!planning::reconcile(step, reported).counts);
  BOOST_TEST(planning::reconcile(step, reported).words.find("before the device confirmed") != std::string::npos);
  step.confirmed = true;
  BOOST_TEST(planning::reconcile(step, reported).counts);
  reported.modules[0].version = 3;
  BOOST_TEST(planning::reconcile(step, reported).verified);
  reported.modules[0].checked = 30;
  reported.modules[0].passed = 28;
  BOOST_TEST(!planning::reconcile(step, reported).verified);
  reported.modules.clear();
  BOOST_TEST(!planning::reconcile(step, reported).verified);
  // Of user parts the hash says which one it is.
  part.key = {firmware::Function::user_part, 1};
  part.version = 3;
  part.sha256 = std::string(64, 'a');
  reported.modules = {part};
  planning::InFlight application{part.key, 3, std::string(64, 'b'), 2, true};
  BOOST_TEST(!planning::reconcile(application, reported).verified);
  application.suffix_sha256 = part.sha256;
  BOOST_TEST(planning::reconcile(application, reported).verified);
}

BOOST_AUTO_TEST_CASE(a_known_device_waits_for_no_crowd_of_strangers) {
  SimulatedWorld world;
  AsyncSemaphore handshakes(1);
  std::vector<std::string> order;
  // Holds the only place until everybody else stands in line.
  Timer first_leaves(world.loop, Clock::now() + 1s);
  const auto enter = [&](std::string name, AsyncSemaphore::Priority line, bool waits) -> asio::awaitable<void> {
    const auto pass = co_await handshakes.acquire(line);
    order.push_back(name);
    if (waits) (void)co_await first_leaves.async_wait(as_result);
  };
  world.spawn([&] { return enter("first", AsyncSemaphore::Priority::low, true); });
  for (int i = 0; i < 3; ++i)
    world.spawn([&, i] { return enter("stranger " + std::to_string(i), AsyncSemaphore::Priority::low, false); });
  world.spawn([&] { return enter("known", AsyncSemaphore::Priority::high, false); });
  world.advance(2s);
  const std::vector<std::string> expected{"first", "known", "stranger 0", "stranger 1", "stranger 2"};
  BOOST_TEST(order == expected, boost::test_tools::per_element());
}

// A step that another connection has judged is nothing to the one that began it.
BOOST_AUTO_TEST_CASE(a_failure_of_an_old_connection_fails_no_newer_step) {
  SimulatedWorld world;
  auto db = std::make_shared<store::Database>(store::Database::in_memory());
  store::DeviceRow row;
  row.id = identity_of(1, 1).id.text();
  row.public_key = {1};
  store::add_device(*db, row);
  auto writer = store::Writer::on_loop(db, world.loop.get_executor());
  server::ServiceUptime running;
  running.begin(0);
  server::DeviceRepository repository(*writer, running);
  planning::Step step;
  step.module.key = {firmware::Function::system_part, 1};
  step.module.version = 3;
  step.module.sha256 = std::string(64, 'a');
  store::record_plan(*db, row.id, {step}, 1);
  const auto first = store::begin_step(*db, row.id, step, 1, 1);
  store::mark_failed(*db, *store::step_in_flight(*db, row.id), "judged", 2);  // by another connection
  store::record_plan(*db, row.id, {step}, 3);
  const auto second = store::begin_step(*db, row.id, step, 3, 3);
  world.spawn(
      [&]() -> asio::awaitable<void> { (void)co_await repository.failed(row.id, first, "of the old connection"); });
  world.run_until_idle();
  BOOST_REQUIRE(store::step_in_flight(*db, row.id).has_value());
  BOOST_TEST(store::step_in_flight(*db, row.id)->id == second);
}

// Sequence numbers are reserved from the store, and no further.
BOOST_AUTO_TEST_CASE(a_session_taken_up_uses_no_more_numbers_than_were_written_down) {
  SimulatedWorld world;
  auto db = std::make_shared<store::Database>(store::Database::in_memory());
  store::DeviceRow row;
  row.id = identity_of(1, 1).id.text();
  row.public_key = {1};
  store::add_device(*db, row);
  auto writer = store::Writer::on_loop(db, world.loop.get_executor());
  server::DatabaseSessionStore sessions(*writer);
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
  BOOST_TEST(static_cast<std::int64_t>(taken[0].reserved) <=
      db->sql().execAndGet("SELECT leased FROM dtls_sessions").getInt64());
}

BOOST_AUTO_TEST_SUITE_END()
