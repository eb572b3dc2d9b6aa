#include "server/application_json.hpp"

#include "base/limits.hpp"

#include <nlohmann/json.hpp>

namespace drydock::server {

std::string application_json(const device::ApplicationDescribe& application) {
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
  // A device may send any bytes as a name.
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace drydock::server
