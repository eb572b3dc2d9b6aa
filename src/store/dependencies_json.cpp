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
      list.push_back({{static_cast<firmware::Function>(entry[0].get<int>()), entry[1].get<std::uint8_t>()},
          entry[2].get<std::uint16_t>()});
  return list;
}

std::string second_module_to_json(const firmware::ModuleInfo& second_module) {
  const nlohmann::json text{{"function", static_cast<int>(second_module.key.function)},
      {"index", second_module.key.index}, {"version", second_module.version},
      {"dependencies", dependencies_to_json(second_module.dependencies)},
      {"suffix_sha256", second_module.suffix_sha256}};
  return text.dump();
}

std::string assets_to_json(const firmware::LibraryModule& module) {
  if (!module.asset && module.required_assets.empty()) return {};
  const auto pair = [](const firmware::Asset& asset) { return nlohmann::json::array({asset.name, asset.sha256}); };
  nlohmann::json text;
  if (module.asset) text["asset"] = pair(*module.asset);
  for (const auto& asset : module.required_assets) text["required"].push_back(pair(asset));
  // A name comes out of a file and may be no UTF-8.
  return text.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void assets_from_json(const std::string& json, firmware::LibraryModule& module) {
  const auto text = nlohmann::json::parse(json, nullptr, false);
  if (!text.is_object()) return;
  const auto asset_of = [](const nlohmann::json& pair) {
    return firmware::Asset{pair.at(0).get<std::string>(), pair.at(1).get<std::string>()};
  };
  if (text.contains("asset")) module.asset = asset_of(text["asset"]);
  for (const auto& pair : text.value("required", nlohmann::json::array()))
    module.required_assets.push_back(asset_of(pair));
}

std::optional<firmware::ModuleInfo> second_module_from_json(const std::string& json) {
  const auto text = nlohmann::json::parse(json, nullptr, false);
  if (!text.is_object()) return std::nullopt;
  firmware::ModuleInfo facts;
  facts.key = {static_cast<firmware::Function>(text.value("function", 0)), text.value("index", std::uint8_t{0})};
  facts.version = text.value("version", std::uint16_t{0});
  facts.dependencies = dependencies_from_json(text.value("dependencies", ""));
  facts.suffix_sha256 = text.value("suffix_sha256", "");
  return facts;
}

}  // namespace drydock::store
