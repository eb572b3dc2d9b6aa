// Who may connect, and who may wait for approval.
#include "server/admission.hpp"
#include "server/pending_devices.hpp"
#include "base/limits.hpp"
#include "support/test_system.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;
using server::Admission;
using state::Policy;

namespace {

transport::DeviceIdentity identity_of(int number, int key) {
  transport::DeviceIdentity identity;
  identity.id.bytes[11] = static_cast<std::uint8_t>(number);
  identity.public_key = device_key(key).public_key_spki();
  return identity;
}

store::DeviceRow row_with(int number, int key, const std::string& approval = "approved") {
  store::DeviceRow row;
  row.id = identity_of(number, key).id.text();
  row.approval = approval;
  row.public_key = identity_of(number, key).public_key;
  return row;
}

Admission evaluate(
    const transport::DeviceIdentity& identity, const std::optional<store::DeviceRow>& known, Policy policy) {
  return server::evaluate(identity, known ? &*known : nullptr, policy);
}

server::PendingDevices pending_of(const server::Fleet& fleet) {
  server::PendingDevices pending;
  for (const auto& device : fleet)
    if (device.second.row.approval == "pending") pending.push_back(&device);
  return pending;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(admission)

BOOST_AUTO_TEST_CASE(unknown_devices_are_admitted_as_the_policy_says) {
  BOOST_TEST((evaluate(identity_of(1, 1), {}, Policy::approve).answer == Admission::Answer::unknown));
  BOOST_TEST((evaluate(identity_of(1, 1), {}, Policy::open).answer == Admission::Answer::unknown));
  const auto closed = evaluate(identity_of(1, 1), {}, Policy::closed);
  BOOST_TEST((closed.answer == Admission::Answer::rejected));
  BOOST_TEST(closed.key.empty());
  BOOST_TEST(closed.words.find("is unknown") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_known_device_is_known_by_its_key_only) {
  BOOST_TEST((evaluate(identity_of(1, 1), row_with(1, 1), Policy::closed).answer == Admission::Answer::known));
  BOOST_TEST((evaluate(identity_of(1, 2), row_with(1, 1), Policy::open).answer == Admission::Answer::changed_key));
  BOOST_TEST(
      (evaluate(identity_of(1, 1), row_with(1, 1, "refused"), Policy::open).answer == Admission::Answer::rejected));
}

BOOST_AUTO_TEST_CASE(an_old_core_that_sends_no_key_is_held_to_the_one_on_file) {
  auto identity = identity_of(1, 1);
  identity.public_key.clear();
  BOOST_TEST((evaluate(identity, row_with(1, 1), Policy::open).answer == Admission::Answer::known));
  BOOST_TEST((evaluate(identity, {}, Policy::open).answer == Admission::Answer::rejected));
  identity.public_key = Bytes(162, 3);
  BOOST_TEST((evaluate(identity, {}, Policy::open).answer == Admission::Answer::rejected));
  identity.public_key = server_key().public_key_spki();  // a key, but not one of a device's size
  BOOST_TEST((evaluate(identity, {}, Policy::open).answer == Admission::Answer::rejected));
}

// Many from one address, or with one key, leave room for everybody else; who is not connected is evicted first.
BOOST_AUTO_TEST_CASE(no_number_of_unknown_devices_keeps_one_from_waiting_for_approval) {
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
  BOOST_TEST(server::decide_pending(pending_of(fleet), "10.0.0.1", own_key).refusal == "");
  BOOST_TEST(!server::decide_pending(pending_of(fleet), "10.0.0.1", own_key).evicted.has_value());
  const auto same_address = server::decide_pending(pending_of(fleet), "10.0.0.66", own_key);
  BOOST_REQUIRE(same_address.evicted.has_value());
  BOOST_TEST(fleet.at(*same_address.evicted).row.first_seen == 10);
  for (auto& [id, member] : fleet) member.channel = connected;
  BOOST_TEST(
      server::decide_pending(pending_of(fleet), "10.0.0.66", own_key).refusal.find("wait for approval already") !=
      std::string::npos);

  // Everything taken, by several addresses, and everybody connected: the largest group gives up its oldest.
  for (std::size_t i = limits::pending_devices_per_address; i < limits::pending_devices; ++i)
    add(i, "10.0.1." + std::to_string(i % 5)).channel = connected;
  const auto full = server::decide_pending(pending_of(fleet), "10.0.0.1", own_key);
  BOOST_REQUIRE(full.evicted.has_value());
  BOOST_TEST(fleet.at(*full.evicted).row.address == "10.0.0.66");
  BOOST_TEST(fleet.at(*full.evicted).row.first_seen == 0);

  for (std::size_t i = 0; i < limits::pending_devices_per_key; ++i)
    add(5000 + i, "10.0.2." + std::to_string(i)).row.public_key = own_key;
  BOOST_TEST(server::decide_pending(pending_of(fleet), "10.0.0.1", own_key).evicted.has_value());
  for (auto& [id, member] : fleet) member.channel = connected;
  BOOST_TEST(
      server::decide_pending(pending_of(fleet), "10.0.0.1", own_key).refusal.find("same key") != std::string::npos);
}

// By the service's running time, which no clock can move.
BOOST_AUTO_TEST_CASE(who_waits_for_approval_and_is_not_seen_for_a_week_is_forgotten) {
  server::Fleet fleet;
  auto& member = fleet[identity_of(1, 1).id];
  member.row.approval = "pending";
  member.row.enrolled = 1'000;
  constexpr std::int64_t hour = 3'600'000;
  constexpr std::int64_t week = 7 * 24 * hour;
  BOOST_TEST(server::expired(pending_of(fleet), 1'000 + week - 1, 2 * hour).empty());
  BOOST_TEST(
      server::expired(pending_of(fleet), 1'000 + week, hour - 1).empty());  // it has time to come back behind a start
  BOOST_TEST(server::expired(pending_of(fleet), 1'000 + week, 2 * hour).size() == 1u);
  member.last_seen = 5'000;
  BOOST_TEST(server::expired(pending_of(fleet), 1'000 + week, 2 * hour).empty());
  member.last_seen = 0;
  member.row.approval = "approved";
  BOOST_TEST(server::expired(pending_of(fleet), 9 * week, 2 * hour).empty());
}

BOOST_AUTO_TEST_SUITE_END()
