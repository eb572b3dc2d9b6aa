#include "integrations/mqtt_former_topics.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace drydock::integrations {
namespace {

using nlohmann::json;

std::vector<std::string> topics_of_fleet(const HomeAssistant& told) {
  std::vector<std::string> topics{told.topics.status(), told.topics.fleet()};
  if (!told.discovery.empty()) topics.push_back(told.fleet_topic());
  return topics;
}

// Without the entity first, as Home Assistant would show one that has no state any more.
std::vector<std::string> topics_of_device(const HomeAssistant& told, const std::string& id) {
  std::vector<std::string> topics;
  if (told.announces_devices()) topics.push_back(told.device_topic(id));
  for (auto topic : {told.topics.state(id), told.topics.update(id), told.topics.diagnostics(id)})
    topics.push_back(std::move(topic));
  return topics;
}

}  // namespace

std::string places_of(const HomeAssistant& home_assistant) {
  return json{{"topic", home_assistant.topics.beginning()}, {"discovery", home_assistant.discovery},
      {"devices", home_assistant.devices}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

std::vector<std::string> former_topics(
    const std::string& before, const HomeAssistant& now, const std::vector<std::string>& device_ids) {
  std::vector<std::string> gone;
  const auto places = json::parse(before, nullptr, false);
  if (!places.is_object()) return gone;
  const auto text = [&](const char* key) {
    const auto found = places.find(key);
    return found != places.end() && found->is_string() ? found->get<std::string>() : "";
  };
  const HomeAssistant former{
      MqttTopics(text("topic")), text("discovery"), "", "", false, places.value("devices", json()) != false};
  if (former.topics.beginning().empty()) return gone;
  const auto add = [&](std::vector<std::string> then, const std::vector<std::string>& today) {
    for (auto& topic : then)
      if (std::find(today.begin(), today.end(), topic) == today.end()) gone.push_back(std::move(topic));
  };
  add(topics_of_fleet(former), topics_of_fleet(now));
  for (const auto& id : device_ids) add(topics_of_device(former, id), topics_of_device(now, id));
  return gone;
}

}  // namespace drydock::integrations
