// Vitals, claim codes and what else devices and this server tell each other about a device.
#include "device/udp_system.hpp"
#include "server/device_calls.hpp"
#include "store/claims.hpp"
#include "web/authentication.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

struct Telling : TestSystem {
  ~Telling() {
    listening.reset();
    kill();
  }
  const std::vector<Bytes> current{
      bootloader(3), system_part(1, 3), system_part(2, 3, {4, 1, 3}), user_part(6, {4, 2, 3})};
  std::vector<server::PublishedEvent> heard;
  std::shared_ptr<void> listening;
  std::optional<Result<device::VariableValue>> answer;

  static transport::DeviceId device(int number) { return *transport::DeviceId::parse(id_of(number)); }
  void listen() {
    listening = server().heard_events().add([this](const server::PublishedEvent& event) { heard.push_back(event); });
  }
  std::vector<std::string> heard_of(const std::string& name) const {
    std::vector<std::string> data;
    for (const auto& event : heard)
      if (event.name == name) data.push_back(event.data);
    return data;
  }
  json ask_for_vitals(int number) {
    answer.reset();
    const server::DeviceRequest request{server::DeviceRequest::Kind::vitals, device(number), "", ""};
    server::ask_device(server(), request, [this](Result<device::VariableValue> result) { answer = std::move(result); });
    BOOST_REQUIRE(run_until(1min, [&] { return answer.has_value(); }));
    return *answer ? json::parse(std::get<std::string>(**answer)) : json(nullptr);
  }
  virtual_device::VirtualDevice& start_current(int number) {
    auto& photon = start_device(number, current);
    BOOST_REQUIRE(run_until_state(number, "current", 5min));
    world.advance(10s);
    return photon;
  }
  template <class Work>
  void run(Work work) {
    asio::co_spawn(world.loop, std::move(work), asio::detached);
    world.advance(5s);
  }
};

// What Device OS 6.2.0 answered over UDP (PROTOCOL's transcripts, udp-6.2.0-basic).
Bytes recorded() {
  return *from_hex(
      "0004000200040006000c0000000800040000000900000000000a00020000000c00000000000d00000000000e000000000014000000000015"
      "000000000016000000000017000a00000019809cffffff1a809cffffff1b00010000001c00000000001d00010000001e00000000001f0001"
      "00000021809cffffff22809cffffff23809cffffff24000100000025809cffffff3c0000000000");
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(vitals, Telling)

BOOST_AUTO_TEST_CASE(recorded_ones_are_read_without_what_the_device_has_not) {
  const auto vitals = device::parse_vitals(recorded());
  BOOST_REQUIRE(vitals.has_value());
  const auto text = server::vitals_json(*vitals).dump();
  const auto expected = json::parse(R"({"device": {
    "system": {"uptime": 12},
    "network": {"connection": {"status": "connected", "error": 0, "disconnects": 0, "attempts": 1,
                               "disconnect_reason": 0}, "signal": {"at": "Wi-Fi"}},
    "cloud": {"connection": {"status": "connected", "error": 0, "disconnects": 0, "attempts": 1,
                             "disconnect_reason": 0},
              "coap": {"retransmit": 0, "unack": 0}, "publish": {"rate_limited": 0}},
    "other": {"23": 10, "31": 1, "60": 0}}})");
  BOOST_TEST(text == expected.dump());
  // Signed, with 8 bits behind the point.
  BOOST_TEST(server::vitals_json({{19, -13'000}})["device"]["network"]["signal"]["rssi"] == -50.78125);
}

BOOST_AUTO_TEST_CASE(what_is_cut_off_or_too_much_is_not_read) {
  auto bytes = recorded();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    BOOST_TEST(device::parse_vitals(ByteView(bytes).first(size)).has_value() == (size >= 7 && (size - 7) % 6 == 0));
  bytes[3] = 3;
  BOOST_TEST(!device::parse_vitals(bytes).has_value());
  bytes = recorded();
  bytes.resize(7 + 129 * 6);
  BOOST_TEST(!device::parse_vitals(bytes).has_value());
}

BOOST_AUTO_TEST_CASE(a_device_is_asked_and_when_it_is_away_its_last_answer_counts) {
  auto& photon = start_current(1);
  photon.metrics = recorded();
  BOOST_TEST(ask_for_vitals(1)["payload"]["device"]["system"]["uptime"] == 12);
  BOOST_TEST(row(1).state == "current");
  photon.stop();
  BOOST_REQUIRE(run_until(1min, [&] { return !row(1).connected; }));
  BOOST_TEST(ask_for_vitals(1)["payload"]["device"]["system"]["uptime"] == 12);
  BOOST_TEST(ask_for_vitals(2).is_null());
}

BOOST_AUTO_TEST_CASE(what_it_posts_is_told_and_kept_and_plans_nothing) {
  listen();
  auto& photon = start_current(1);
  run([&]() -> asio::awaitable<void> { (void)co_await photon.post_vitals(); });
  BOOST_REQUIRE(heard_of("spark/device/diagnostics/update").size() == 1u);
  BOOST_TEST(json::parse(heard_of("spark/device/diagnostics/update")[0])["device"]["system"]["uptime"] == 12);
  photon.metrics = {0, 4, 0, 9};
  run([&]() -> asio::awaitable<void> { (void)co_await photon.post_vitals(); });
  BOOST_TEST(heard_of("spark/device/diagnostics/update").size() == 1u);
  BOOST_TEST(row(1).connected);
  BOOST_TEST(row(1).state == "current");
}

BOOST_AUTO_TEST_CASE(another_application_is_told_by_its_hash) {
  listen();
  start_current(1);
  BOOST_TEST(heard_of("spark/device/app-hash").size() == 1u);
  add_firmware(user_part(7, {4, 2, 3}), "next.bin");
  ask_for("next.bin");
  BOOST_REQUIRE(run_until(10min, [&] { return heard_of("spark/device/app-hash").size() == 2; }));
  BOOST_TEST(heard_of("spark/device/app-hash")[0] != heard_of("spark/device/app-hash")[1]);
  BOOST_TEST(heard_of("spark/device/app-hash")[1].size() == 64u);
}

// The application holds updates off, hears that there is one, and lets it in when it suits it.
BOOST_AUTO_TEST_CASE(a_pending_update_is_told_and_begins_when_the_device_agrees) {
  auto& photon = start_current(1);
  BOOST_TEST(!photon.pending);
  photon.faults.updates_disabled = true;
  run([&]() -> asio::awaitable<void> { (void)co_await photon.disable_updates(); });
  add_firmware(user_part(7, {4, 2, 3}), "next.bin");
  ask_for("next.bin");
  BOOST_REQUIRE(run_until_state(1, "updates_disabled", 1min));
  BOOST_REQUIRE(run_until(1min, [&] { return photon.pending; }));
  photon.faults.updates_disabled = false;
  run([&]() -> asio::awaitable<void> { (void)co_await photon.enable_updates(); });
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  BOOST_TEST(photon.images_received == 1);
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

struct Claiming : Telling {
  Claiming() { configuration.policy = state::Policy::approve; }
  std::string code(std::int64_t lifetime = 3'600'000) {
    store::ClaimCode code{web::token_digest("the code"), "anna", utc_milliseconds() + lifetime};
    auto db = database();
    store::add_claim_code(db, code, utc_milliseconds(), 100);
    return "the code";
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(claim_codes, Claiming)

BOOST_AUTO_TEST_CASE(a_device_that_shows_a_code_is_let_in_and_forgets_it) {
  auto& photon = start_device(1, current);
  photon.claim_code = code();
  BOOST_REQUIRE(run_until_state(1, "current", 5min));
  BOOST_REQUIRE(run_until(1min, [&] { return photon.claim_code.empty(); }));
  // Once: another device that has seen it waits like any other.
  auto& second = start_device(2, current);
  second.claim_code = "the code";
  world.advance(1min);
  BOOST_TEST(row(2).approval == "pending");
  BOOST_TEST(second.claim_code == "the code");
}

BOOST_AUTO_TEST_CASE(a_code_that_is_over_or_wrong_lets_nobody_in) {
  (void)code(1000);
  world.advance(10s);
  start_device(1, current).claim_code = "the code";
  start_device(2, current).claim_code = "another";
  world.advance(1min);
  BOOST_TEST(row(1).approval == "pending");
  BOOST_TEST(row(2).approval == "pending");
}

// One that was approved by a person meanwhile still has it.
BOOST_AUTO_TEST_CASE(a_device_that_is_in_already_forgets_its_code) {
  configuration.policy = state::Policy::open;
  auto& photon = start_device(1, current);
  photon.claim_code = "whatever";
  BOOST_REQUIRE(run_until(5min, [&] { return photon.claim_code.empty(); }));
}

BOOST_AUTO_TEST_SUITE_END()
