// Functions, variables and events of connected devices: server and virtual devices in one process, on a virtual clock.
#include "server/device_calls.hpp"
#include "device/udp_system.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;

namespace {

struct Asking : TestSystem {
  ~Asking() { kill(); }
  const std::vector<Bytes> current{
      bootloader(3), system_part(1, 3), system_part(2, 3, {4, 1, 3}), user_part(6, {4, 2, 3})};
  std::vector<Result<std::int32_t>> returned;

  static transport::DeviceId device(int number) { return *transport::DeviceId::parse(id_of(number)); }
  void call(int number, const std::string& name, const std::string& argument) {
    const server::DeviceRequest request{server::DeviceRequest::Kind::call, device(number), name, argument};
    server::ask_device(server(), request, [this](Result<device::VariableValue> result) {
      if (result)
        returned.push_back(std::get<std::int32_t>(*result));
      else
        returned.push_back(tl::unexpected(result.error()));
    });
  }
  bool run_until_returned(std::size_t count, Clock::duration by = 1min) {
    return run_until(by, [&] { return returned.size() >= count; });
  }
  virtual_device::VirtualDevice& start_current(int number) {
    auto& photon = start_device(number, current);
    BOOST_REQUIRE(run_until_state(number, "current", 5min));
    world.advance(10s);
    return photon;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(calls_of_devices, Asking)

BOOST_AUTO_TEST_CASE(several_run_at_once_and_one_that_never_returns_ends_alone) {
  start_current(1);
  call(1, "sulk", "");
  call(1, "brew", "-3");
  call(1, "brew", "milk");
  BOOST_REQUIRE(run_until_returned(2));
  BOOST_TEST(*returned[0] == -3);
  BOOST_TEST(*returned[1] == 4);
  BOOST_REQUIRE(run_until_returned(3));
  BOOST_TEST((returned[2].error().kind == ErrorKind::timed_out));
  BOOST_TEST(row(1).connected);
}

BOOST_AUTO_TEST_CASE(a_device_that_is_asked_a_lot_is_not_taken_for_noisy) {
  start_current(1);
  constexpr std::size_t many = 2 * limits::messages_per_second;
  const auto before = Clock::now();
  for (std::size_t i = 0; i < many; ++i) {
    call(1, "brew", "1");
    BOOST_REQUIRE(run_until_returned(i + 1));
  }
  BOOST_TEST((Clock::now() - before < 1s));  // else it proves nothing
  BOOST_TEST(std::all_of(returned.begin(), returned.end(), [](const auto& result) { return result.has_value(); }));
}

BOOST_AUTO_TEST_CASE(what_a_device_has_not_is_not_asked_of_it) {
  auto& photon = start_current(1);
  call(1, "fly", "");
  BOOST_TEST((returned.at(0).error().kind == ErrorKind::not_found));
  call(1, "brew", std::string(65, 'x'));
  BOOST_TEST((returned.at(1).error().kind == ErrorKind::too_large));
  call(2, "brew", "");
  BOOST_TEST((returned.at(2).error().kind == ErrorKind::closed));
  BOOST_TEST(photon.application.brewed == 0);
}

BOOST_AUTO_TEST_CASE(nothing_is_asked_during_an_update_and_what_was_asked_ends) {
  start_current(1);
  call(1, "sulk", "");
  add_firmware(user_part(7, {4, 2, 3}), "next.bin");
  ask_for("next.bin");
  BOOST_REQUIRE(run_until_returned(1, 10s));
  BOOST_TEST((returned[0].error().kind == ErrorKind::conflict));
  call(1, "brew", "1");
  BOOST_REQUIRE(run_until_returned(2));
  BOOST_TEST((returned[1].error().kind == ErrorKind::conflict || returned[1].error().kind == ErrorKind::closed));
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  world.advance(10s);
  call(1, "brew", "2");
  BOOST_REQUIRE(run_until_returned(3));
  BOOST_TEST(*returned[2] == 2);
}

BOOST_AUTO_TEST_CASE(calls_wake_nobody_to_plan) {
  start_current(1);
  const auto& entry = server().fleet().at(device(1));
  const auto planned = entry.planning_budget.full(Clock::now());
  BOOST_REQUIRE(planned);
  for (int i = 0; i < 10; ++i) {
    call(1, "brew", "1");
    BOOST_REQUIRE(run_until_returned(static_cast<std::size_t>(i + 1)));
  }
  BOOST_TEST(entry.planning_budget.full(Clock::now()));
}

BOOST_AUTO_TEST_CASE(events_go_to_who_subscribed_in_their_order) {
  std::vector<std::string> heard;
  const auto listening = server().heard_events().add(
      [&](const server::PublishedEvent& event) { heard.push_back(event.name + "=" + event.data); });
  auto& first = start_current(1);
  auto& second = start_current(2);
  heard.clear();
  server::PublishedEvent event;
  for (const auto* data : {"tea", "coffee", "milk"}) {
    event.name = "order/9";
    event.data = data;
    server().publish(event);
  }
  event.name = "disorder";
  server().publish(event);
  world.advance(5s);
  BOOST_TEST(first.application.last_order == "milk");
  BOOST_TEST(second.application.last_order == "milk");
  std::erase_if(heard, [](const auto& one) { return !one.starts_with("served"); });
  // Each device says so at once: of either, in the order in which it heard.
  const std::vector<std::string> served{"served/order/9=tea", "served/order/9=coffee", "served/order/9=milk"};
  BOOST_TEST(heard.size() == 2 * served.size());
  for (const auto& one : served) BOOST_TEST(std::count(heard.begin(), heard.end(), one) == 2);
  BOOST_TEST(heard.front() == served.front());
  BOOST_TEST(heard.back() == served.back());
}

BOOST_AUTO_TEST_CASE(subscribers_are_found_by_every_beginning_of_a_name) {
  server::SubscriptionIndex index;
  index.add("", device(1));
  index.add("temp", device(2));
  index.add("temp", device(2));
  index.add("te", device(2));
  index.add("temp/in", device(3));
  index.add("other", device(4));
  using Devices = std::vector<transport::DeviceId>;
  BOOST_TEST((index.subscribers("temp/in/1") == Devices{device(1), device(2), device(3)}));
  BOOST_TEST((index.subscribers("temp/i") == Devices{device(1), device(2)}));
  BOOST_TEST((index.subscribers("t") == Devices{device(1)}));
  index.remove(device(2));
  index.remove(device(5));
  BOOST_TEST((index.subscribers("temp/in") == Devices{device(1), device(3)}));
}

BOOST_AUTO_TEST_CASE(a_device_that_never_stops_publishing_is_not_heard_for_ever) {
  std::size_t heard = 0;
  const auto listening =
      server().heard_events().add([&](const server::PublishedEvent& event) { heard += event.name == "served/order"; });
  start_current(1);
  server::PublishedEvent event;
  event.name = "order";
  for (int i = 0; i < 300; ++i) {
    server().publish(event);
    world.advance(10ms);
  }
  world.advance(1s);
  BOOST_TEST(heard >= 60u);
  BOOST_TEST(heard < 100u);
}

BOOST_AUTO_TEST_CASE(who_waits_for_approval_is_not_heard_and_hears_nothing) {
  configuration.policy = state::Policy::approve;
  std::size_t heard = 0;
  std::size_t told = 0;
  const auto listening = server().heard_events().add(
      [&](const server::PublishedEvent& each) { ++(each.name == "drydock/device/waiting" ? told : heard); });
  auto& photon = start_device(1, current);
  BOOST_REQUIRE(run_until_state(1, "awaiting_approval", 5min));
  world.advance(30s);
  server::PublishedEvent event;
  event.name = "order";
  event.data = "tea";
  server().publish(event);
  world.advance(5s);
  BOOST_TEST(heard == 1u);  // ours
  BOOST_TEST(told == 1u);   // that it waits
  BOOST_TEST(photon.application.last_order.empty());
  call(1, "brew", "");
  BOOST_TEST((returned.at(0).error().kind == ErrorKind::refused));
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

struct AskingOverUdp : UdpSystem {
  const std::vector<Bytes> current{
      module_for(boron, 2, 0, 1100), module_for(boron, 4, 1, 6200), module_for(boron, 5, 2, 6, {4, 1, 6200})};
  void order(const std::string& data) {
    server::PublishedEvent event;
    event.name = "order";
    event.data = data;
    server().publish(event);
    world.advance(10s);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(events_over_udp, AskingOverUdp)

BOOST_AUTO_TEST_CASE(a_subscription_outlives_the_service_and_a_bad_network) {
  network().options.delay = 50ms;
  network().options.loss = 0.1;
  auto& device = start_udp_device(1, current);
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  world.advance(1min);
  order("tea");
  BOOST_TEST(device.application.last_order == "tea");
  kill();
  restart();
  // The session goes on: the device says neither Hello nor what it subscribes to.
  BOOST_REQUIRE(run_until(5min, [&] { return row(1).connected; }));
  world.advance(1min);
  BOOST_TEST(device.handshakes == 1);
  const auto& entry = server().fleet().at(*transport::DeviceId::parse(id_of(1)));
  BOOST_REQUIRE(entry.device != nullptr);
  BOOST_TEST(entry.device->reported().resumed);
  BOOST_TEST(entry.device->reported().subscriptions.size() == 1u);
  order("coffee");
  BOOST_TEST(device.application.last_order == "coffee");
}

BOOST_AUTO_TEST_CASE(what_is_too_long_for_the_device_is_not_sent) {
  auto& device = start_udp_device(1, current);
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  world.advance(1min);
  order(std::string(1024, 'x'));
  BOOST_TEST(device.application.last_order.size() == 1024u);
  order(std::string(1025, 'y'));
  BOOST_TEST(device.application.last_order.front() == 'x');
}

BOOST_AUTO_TEST_SUITE_END()
