#include "server/application_json.hpp"

#include "base/limits.hpp"
#include "server/events.hpp"

#include <nlohmann/json.hpp>

namespace drydock::server {

namespace {

// Of the system's own it always has some, and nobody but this server speaks to those.
nlohmann::json subscriptions_json(const std::vector<device::Subscription>& subscriptions) {
  constexpr std::size_t most = 8;  // Device OS has room for four
  constexpr std::size_t longest_name = 64;
  auto list = nlohmann::json::array();
  for (const auto& one : subscriptions)
    if (!is_system_event(one.prefix) && one.prefix.size() <= longest_name && one.from.size() <= 24 &&
        list.size() < most)
      list.push_back({{"prefix", one.prefix}, {"from", one.from}});
  return list;
}

std::string text_of(const nlohmann::json& json) {
  // A device may send any bytes as a name.
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::vector<device::Subscription> subscriptions_in(const std::string& application_json) {
  std::vector<device::Subscription> subscriptions;
  const auto json = nlohmann::json::parse(application_json, nullptr, false);
  if (!json.is_object()) return subscriptions;
  const auto list = json.value("subscriptions", nlohmann::json::array());
  for (const auto& one : list)
    if (one.is_object()) subscriptions.push_back({one.value("prefix", ""), one.value("from", "")});
  return subscriptions;
}

std::string with_subscriptions(
    const std::string& application_json, const std::vector<device::Subscription>& subscriptions) {
  auto json = nlohmann::json::parse(application_json, nullptr, false);
  if (!json.is_object()) json = {{"functions", nlohmann::json::array()}, {"variables", nlohmann::json::object()}};
  json["subscriptions"] = subscriptions_json(subscriptions);
  return text_of(json);
}

std::string application_json(
    const device::ApplicationDescribe& application, const std::vector<device::Subscription>& subscriptions) {
  // Each entry costs its name, quotes, a colon and a number; a name may double by being escaped.
  constexpr std::size_t around = 8;
  auto layer = limits::application_json;
  const auto fits = [&layer](const std::string& name) {
    const auto cost = 2 * name.size() + around;
    return cost <= layer && (layer -= cost, true);
  };
  nlohmann::json json{{"functions", nlohmann::json::array()}, {"variables", nlohmann::json::object()}};
  for (const auto& name : application.functions)
    if (fits(name)) json["functions"].push_back(name);
  for (const auto& variable : application.variables)
    if (fits(variable.name)) json["variables"][variable.name] = variable.type;
  json["subscriptions"] = subscriptions_json(subscriptions);
  return text_of(json);
}

}  // namespace drydock::server
