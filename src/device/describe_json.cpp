// JSON Describe. Every access asks for the type first: a device's nonsense costs the field it stands in, nothing more.
#include "base/limits.hpp"
#include "base/log.hpp"
#include "device/describe.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace drydock::device {
namespace {

using firmware::InstalledModule;
using firmware::StoreLocation;
using nlohmann::json;

const json* member(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

template <class Number>
std::optional<Number> number(const json& object, const char* key) {
  const auto* value = member(object, key);
  if (value == nullptr) return std::nullopt;
  // Indices come as text ("n":"1"), everything else as numbers.
  if (value->is_number_integer()) {
    const auto n = value->get<std::int64_t>();
    if (n < 0 || static_cast<std::uint64_t>(n) > std::numeric_limits<Number>::max()) return std::nullopt;
    return static_cast<Number>(n);
  }
  if (!value->is_string()) return std::nullopt;
  const auto& text = value->get_ref<const std::string&>();
  Number n{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return n;
}

std::string text(const json& object, const char* key) {
  const auto* value = member(object, key);
  return value != nullptr && value->is_string() ? value->get_ref<const std::string&>().substr(0, limits::text)
                                                : std::string();
}

StoreLocation store_of(const std::string& letter) {
  if (letter == "m" || letter.empty()) return StoreLocation::main;  // the letter is left out by some
  if (letter == "f") return StoreLocation::factory;
  if (letter == "b") return StoreLocation::backup;
  if (letter == "t") return StoreLocation::scratchpad;
  return StoreLocation::other;
}

std::optional<firmware::ModuleKey> key_of(const json& object) {
  const auto letter = text(object, "f");
  const auto index = number<std::uint8_t>(object, "n");
  if (letter.size() != 1 || !index) return std::nullopt;
  const auto function = firmware::function_of_letter(letter[0]);
  if (!function) return std::nullopt;
  return firmware::ModuleKey{*function, *index};
}

std::vector<firmware::Dependency> dependencies_of(const json& module) {
  std::vector<firmware::Dependency> list;
  const auto* array = member(module, "d");
  if (array == nullptr || !array->is_array()) return list;
  for (const auto& entry : *array) {
    if (!entry.is_object() || list.size() == limits::dependencies_per_module) continue;
    const auto key = key_of(entry);
    const auto version = number<std::uint16_t>(entry, "v");
    if (key && version) list.push_back({*key, *version});
  }
  return list;
}

bool is_sha256(const std::string& hex) {
  return hex.size() == 64 && from_hex(hex).has_value();
}

std::optional<InstalledModule> module_of(const json& entry) {
  if (!entry.is_object()) return std::nullopt;
  const auto key = key_of(entry);
  if (!key) return std::nullopt;  // a slot in which no module could be found
  InstalledModule module;
  module.key = *key;
  module.version = number<std::uint16_t>(entry, "v").value_or(0);
  module.store = store_of(text(entry, "l"));
  module.max_size = number<std::uint32_t>(entry, "s").value_or(0);
  module.checked = number<std::uint32_t>(entry, "vc").value_or(0);
  module.passed = number<std::uint32_t>(entry, "vv").value_or(0);
  auto hash = text(entry, "u");
  if (is_sha256(hash)) {
    std::transform(
        hash.begin(), hash.end(), hash.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    module.sha256 = std::move(hash);
  }
  module.dependencies = dependencies_of(entry);
  return module;
}

SystemDescribe system_of(const json& root) {
  SystemDescribe system;
  system.platform = number<std::uint16_t>(root, "p");
  system.imei = text(root, "imei");
  system.iccid = text(root, "iccid");
  system.modem_firmware = text(root, "cellfw");
  const auto* modules = member(root, "m");
  if (modules == nullptr || !modules->is_array()) return system;
  for (const auto& entry : *modules) {
    if (system.modules.size() == limits::modules_per_describe) break;
    if (auto module = module_of(entry)) system.modules.push_back(std::move(*module));
  }
  return system;
}

ApplicationDescribe application_of(const json& root) {
  ApplicationDescribe application;
  if (const auto* functions = member(root, "f"); functions != nullptr && functions->is_array())
    for (const auto& name : *functions)
      if (name.is_string() && application.functions.size() < limits::names_per_describe)
        application.functions.push_back(name.get_ref<const std::string&>().substr(0, limits::name));
  if (const auto* variables = member(root, "v"); variables != nullptr && variables->is_object())
    for (const auto& [name, type] : variables->items())
      if (type.is_number_integer() && application.variables.size() < limits::names_per_describe)
        application.variables.push_back({name.substr(0, limits::name),
            static_cast<int>(std::clamp<std::int64_t>(type.get<std::int64_t>(), 0, 255))});
  return application;
}

}  // namespace

Result<Describe> parse_describe_json(ByteView payload) {
  const auto root = json::parse(payload.begin(), payload.end(), nullptr, false);
  if (!root.is_object()) return failure(ErrorKind::malformed, "Describe is not a JSON object");
  Describe describe;
  if (root.contains("m") || root.contains("p")) describe.system = system_of(root);
  if (root.contains("f") || root.contains("v")) describe.application = application_of(root);
  return describe;
}

Result<Describe> parse_describe(ByteView payload) {
  if (payload.size() > limits::describe) return failure(ErrorKind::too_large, "Describe is longer than any device's");
  if (payload.empty()) return failure(ErrorKind::malformed, "Describe is empty");
  if (payload[0] == '{') return parse_describe_json(payload);
  auto system = parse_describe_protobuf(payload);
  if (!system) return tl::unexpected(system.error());
  Describe describe;
  describe.system = std::move(*system);
  return describe;
}

}  // namespace drydock::device
