#include "appliance/describe_text.hpp"

#include <nlohmann/json.hpp>

namespace drydock::appliance {

std::string application_json(const device::ApplicationDescribe& application) {
  nlohmann::json json{{"functions", application.functions}, {"variables", nlohmann::json::object()}};
  for (const auto& variable : application.variables) json["variables"][variable.name] = variable.type;
  // A device may send any bytes as a name.
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace drydock::appliance
