#include "integrations/home_assistant.hpp"
#include "integrations/mqtt_former_topics.hpp"
#include "integrations/mqtt_topics.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using nlohmann::json;

namespace {

server::DeviceView photon(std::uint16_t system_version) {
  server::DeviceView view;
  view.row.id = "0123456789abcdef01234567";
  view.row.platform = 6;
  view.row.system_version = system_version;
  view.row.state = "current";
  return view;
}

planning::Step step_to(firmware::Function function, std::uint8_t index, std::uint16_t version) {
  planning::Step step;
  step.module.platform = 6;
  step.module.key = {function, index};
  step.module.version = version;
  step.module.size = 1000;
  return step;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(home_assistant)

BOOST_AUTO_TEST_CASE(versions_are_those_of_releases_and_equal_when_nothing_is_to_be_sent) {
  auto view = photon(3302);
  const auto state = integrations::update_of(view, false);
  BOOST_TEST(state["installed_version"] == "3.3.1");
  BOOST_TEST(state["latest_version"] == "3.3.1");
  BOOST_TEST(state["in_progress"] == false);
  BOOST_TEST(state["update_percentage"].is_null());
}

// Unknown texts must be left out: Home Assistant drops a message with null in them.
BOOST_AUTO_TEST_CASE(what_is_not_known_is_left_out) {
  const auto state = integrations::update_of(photon(0), false);
  for (const auto* key : {"installed_version", "latest_version"}) BOOST_TEST(!state.contains(key));
  BOOST_TEST(state["release_summary"] == "");
  for (const auto& [key, value] : state.items())
    if (key != "update_percentage") BOOST_TEST(!value.is_null(), key);
}

BOOST_AUTO_TEST_CASE(an_update_shows_whatever_it_consists_of) {
  auto view = photon(207);
  view.plan.steps = {
      step_to(firmware::Function::system_part, 1, 3302), step_to(firmware::Function::system_part, 2, 3302)};
  BOOST_TEST(integrations::update_of(view, false)["latest_version"] == "3.3.1");
  // A bootloader changes no version that is shown, and is something to install all the same.
  view.plan.steps = {step_to(firmware::Function::bootloader, 0, 2000)};
  const auto state = integrations::update_of(view, false);
  BOOST_TEST(state["installed_version"] != state["latest_version"]);
  view.plan.steps = {step_to(firmware::Function::user_part, 1, 5)};
  BOOST_TEST(integrations::update_of(view, false)["latest_version"].get<std::string>().ends_with(", application 5"));
}

BOOST_AUTO_TEST_CASE(progress_is_that_of_all_steps) {
  auto view = photon(207);
  view.row.state = "updating";
  view.plan.steps = {
      step_to(firmware::Function::system_part, 1, 3302), step_to(firmware::Function::system_part, 2, 3302)};
  view.steps_done = 2;
  server::Transfer transfer;
  transfer.step = view.plan.steps.front();
  transfer.bytes = 500;
  view.transfer = transfer;
  const auto state = integrations::update_of(view, false);
  BOOST_TEST(state["in_progress"] == true);
  BOOST_TEST(state["update_percentage"] == 62);  // two of four, and half of the third
  BOOST_TEST(state["release_summary"].get<std::string>().size() <= 255U);
}

BOOST_AUTO_TEST_CASE(a_reset_within_an_update_does_not_end_it) {
  auto view = photon(207);
  view.row.state = "waiting";
  view.row.connected = false;
  view.step_to_judge = true;
  view.plan.steps = {
      step_to(firmware::Function::system_part, 1, 3302), step_to(firmware::Function::system_part, 2, 3302)};
  BOOST_TEST(integrations::resets_within_update(view));
  auto state = integrations::update_of(view, true);
  BOOST_TEST(state["in_progress"] == true);
  BOOST_TEST(state["update_percentage"] == 50);
  state = integrations::update_of(view, false);  // it did not come back
  BOOST_TEST(state["in_progress"] == false);
  BOOST_TEST(state["update_percentage"].is_null());
  view.row.connected = true;
  BOOST_TEST(!integrations::resets_within_update(view));
}

BOOST_AUTO_TEST_CASE(who_misses_a_file_says_so_though_no_version_is_newer) {
  auto view = photon(3302);
  BOOST_TEST(integrations::update_of(view, false)["release_summary"] == "");
  view.row.state = "blocked";
  view.row.state_words = "missing in the library: a file";
  BOOST_TEST(integrations::update_of(view, false)["release_summary"] == "missing in the library: a file");
  BOOST_TEST(integrations::state_of(view, "blocked")["attention"] == "ON");
  BOOST_TEST(integrations::state_of(view, "current")["attention"] == "OFF");
}

BOOST_AUTO_TEST_CASE(only_what_a_device_says_becomes_a_sensor) {
  const integrations::HomeAssistant assistant{
      integrations::MqttTopics("drydock"), "homeassistant", "pi", "https://pi:8080", false};
  const auto vitals = json::parse(
      R"({"device":{"system":{"uptime":60},"network":{"signal":{"rssi":-61.5}},"power":{"battery":{"state":"charged"}}}})");
  const auto said = integrations::diagnostics_of(vitals);
  BOOST_TEST(said == (json{{"uptime", 60}, {"signal", -61.5}}));
  const auto components = assistant.device(photon(3302), said)["components"];
  BOOST_TEST(components.contains("uptime"));
  BOOST_TEST(!components.contains("battery"));
  BOOST_TEST(!components["update"].contains("command_topic"));
  BOOST_TEST(integrations::diagnostics_of(json()).empty());
}

BOOST_AUTO_TEST_CASE(home_assistant_has_words_for_people_and_the_way_to_the_page) {
  const integrations::HomeAssistant assistant{
      integrations::MqttTopics("drydock"), "homeassistant", "pi", "https://pi:8080", false};
  const auto view = photon(3302);
  BOOST_TEST(assistant.device(view, json::object())["device"]["configuration_url"] ==
      "https://pi:8080/#/device/" + view.row.id);
  BOOST_TEST(assistant.fleet()["device"]["configuration_url"] == "https://pi:8080");
  BOOST_TEST(integrations::state_of(view, "parked")["status"] == "Failed, needs attention");
  BOOST_TEST(integrations::state_of(view, "")["status"] == "");
}

BOOST_AUTO_TEST_CASE(what_another_configuration_left_at_the_broker_is_known) {
  const auto told = [](const char* topic, const char* discovery) {
    return integrations::HomeAssistant{integrations::MqttTopics(topic), discovery, "pi", "", false, true};
  };
  using Topics = std::vector<std::string>;
  const auto before = integrations::places_of(told("drydock", "homeassistant"));
  BOOST_TEST(integrations::former_topics(before, told("drydock", "homeassistant"), {"a"}).empty());
  BOOST_TEST((integrations::former_topics(before, told("drydock", ""), {"a"}) ==
      Topics{"homeassistant/device/drydock/config", "homeassistant/device/drydock_a/config"}));
  BOOST_TEST((integrations::former_topics(before, told("home", "homeassistant"), {"a"}) ==
      Topics{"drydock/status", "drydock/fleet", "homeassistant/device/drydock/config", "drydock/devices/a/state",
          "drydock/devices/a/update", "drydock/devices/a/diagnostics"}));
  auto fleet_alone = told("drydock", "homeassistant");
  fleet_alone.devices = false;
  BOOST_TEST(
      (integrations::former_topics(before, fleet_alone, {"a"}) == Topics{"homeassistant/device/drydock_a/config"}));
  BOOST_TEST(
      integrations::former_topics(integrations::places_of(fleet_alone), told("drydock", ""), {"a"}).size() == 1U);
  for (const auto* odd : {"", "{", "[]", R"({"topic":1})"})
    BOOST_TEST(integrations::former_topics(odd, told("a", ""), {"a"}).empty(), odd);
}

BOOST_AUTO_TEST_CASE(topics_are_those_of_devices_and_cannot_be_forged) {
  const integrations::MqttTopics topics("home/drydock");
  const std::string id = "0123456789abcdef01234567";
  BOOST_TEST(topics.device_of_install("home/drydock/devices/" + id + "/update/install") == id);
  for (const auto* topic : {"home/drydock/devices/x/update/install", "home/drydock/devices//update/install",
           "drydock/devices/0123456789abcdef01234567/update/install", "home/drydock/devices/update/install"})
    BOOST_TEST(topics.device_of_install(topic) == "", topic);
  BOOST_TEST(topics.event(id, "door/open").value() == "home/drydock/devices/" + id + "/events/door/open");
  for (const auto* name : {"", "a+", "a/#"}) BOOST_TEST(!topics.event(id, name).has_value());
  BOOST_TEST(!topics.event(id, std::string_view("a\0b", 3)).has_value());
  BOOST_TEST(topics.published_name("home/drydock/publish/lamp/on") == "lamp/on");
}

BOOST_AUTO_TEST_SUITE_END()
