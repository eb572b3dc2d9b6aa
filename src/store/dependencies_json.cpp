#include "store/dependencies_json.hpp"

#include <nlohmann/json.hpp>

namespace drydock::store {

std::string dependencies_to_json(const std::vector<firmware::Dependency>& dependencies) {
  auto array = nlohmann::json::array();
  for (const auto& d : dependencies) array.push_back({static_cast<int>(d.key.function), d.key.index, d.version});
  return array.dump();
}

std::vector<firmware::Dependency> dependencies_from_json(const std::string& json) {
  std::vector<firmware::Dependency> list;
  const auto array = nlohmann::json::parse(json, nullptr, false);
  if (!array.is_array()) return list;
  for (const auto& entry : array)
    if (entry.is_array() && entry.size() == 3)
      list.push_back({{static_cast<firmware::Function>(entry[0].get<int>()), entry[1].get<std::uint8_t>()}, entry[2].get<std::uint16_t>()});
  return list;
}

}  // namespace drydock::store
