#include "support/device_os.hpp"

#include "virtual_device/module_builder.hpp"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace drydock::testing::device_os {
namespace {

using nlohmann::json;

constexpr std::uint8_t bootloader = 2;
constexpr std::uint8_t system_part = 4;
constexpr std::uint8_t user_part = 5;
constexpr std::uint32_t made_size = 1024;

std::uint8_t function_of(const std::string& name) {
  static const std::map<std::string, std::uint8_t> functions{{"bootloader", 2}, {"monolithic", 3}, {"system-part", 4},
      {"user-part", 5}, {"ncp-firmware", 7}, {"radio-stack", 8}};
  return functions.at(name);
}

Module module_of(const json& entry) {
  Module module;
  module.slot = {function_of(entry["function"]), entry["index"]};
  module.version = entry["version"];
  for (const auto& need : entry.value("dependencies", json::array()))
    if (!need.is_null())
      module.needs.push_back({{function_of(need[0]), need[1].get<std::uint8_t>()}, need[2].get<std::uint16_t>()});
  const auto start = entry.value("start", json());
  module.start = static_cast<std::uint32_t>(
      std::stoul((start.is_null() ? entry.value("min_start", json("0x0")) : start).get<std::string>(), nullptr, 16));
  // One that grows downwards: see make_file().
  if (const auto end = entry.value("fixed_end", json()); !end.is_null())
    module.start = static_cast<std::uint32_t>(std::stoul(end.get<std::string>(), nullptr, 16)) - (made_size - 4);
  return module;
}

Release release_of(const json& row, const json& table) {
  Release release;
  release.platform = row["platform"];
  release.platform_name = row["platform_name"];
  release.number = row["release"];
  release.published = row["published"];
  if (row.contains("system_version") && !row["system_version"].is_null())
    release.system_version = row["system_version"];
  for (const auto& entry : row["modules"])
    if (!entry["version"].is_null()) release.modules.push_back(module_of(entry));
  if (row.contains("describe_slots"))
    for (const auto& slot : table["slot_sets"][row["describe_slots"].get<std::string>()])
      release.slots.insert({slot[0].get<std::uint8_t>(), slot[1].get<std::uint8_t>()});
  const auto& features = table["feature_sets"][row["features"].get<std::string>()];
  release.second_dependency = features["accept"] == "dep2";
  release.reverse_check = features["accept"] != "dep1";
  release.assets = features["assets"];
  release.protobuf_describe = features["describe"] == "protobuf";
  return release;
}

std::vector<Release> read_table() {
  std::ifstream file(DEVICE_OS_RELEASES);
  const auto table = json::parse(file);
  std::vector<Release> all;
  for (const auto& row : table["rows"]) all.push_back(release_of(row, table));
  const auto rank = [](const Release& r) {
    int number[3]{};
    std::sscanf(r.number.c_str(), "%d.%d.%d", number, number + 1, number + 2);
    return std::tuple(r.platform, number[0], number[1], number[2]);
  };
  std::sort(all.begin(), all.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return all;
}

bool met(const State& state, const Need& need) {
  const auto found = state.find(need.slot);
  return found != state.end() && found->second.version >= need.version;
}

std::string words(const Module& module) {
  return std::to_string(module.slot.first) + "/" + std::to_string(module.slot.second) + "@" +
      std::to_string(module.version);
}

}  // namespace

const std::vector<Release>& releases() {
  static const auto all = read_table();
  return all;
}

std::vector<const Release*> releases_of(std::uint16_t platform) {
  std::vector<const Release*> list;
  for (const auto& release : releases())
    if (release.platform == platform) list.push_back(&release);
  return list;
}

std::vector<std::uint16_t> platforms() {
  std::set<std::uint16_t> all;
  for (const auto& release : releases()) all.insert(release.platform);
  return {all.begin(), all.end()};
}

State factory_state(const Release& release) {
  State state;
  for (const auto& module : release.modules) state[module.slot] = module;
  return state;
}

const Release* running(std::uint16_t platform, const State& state) {
  const bool several_parts = platform == 6 || platform == 8 || platform == 10;
  const auto holder = state.find({system_part, several_parts ? 2 : 1});
  if (holder == state.end()) return nullptr;
  const Release* found = nullptr;
  for (const auto* release : releases_of(platform))
    if (found == nullptr || release->system_version <= holder->second.version) found = release;
  return found;
}

Reception receive(std::uint16_t platform, const State& state, const Module& module) {
  const auto* release = running(platform, state);
  if (release == nullptr) return Reception::refused;
  if (!release->slots.contains(module.slot)) return Reception::undefined;
  if (module.slot.first != user_part)
    for (std::size_t i = 0; i < module.needs.size(); ++i) {
      const auto& need = module.needs[i];
      if (i == 1 && (!release->second_dependency || need.slot.first == bootloader)) continue;
      if (!release->slots.contains(need.slot)) return Reception::undefined;
      if (!met(state, need)) return Reception::refused;
    }
  if (release->reverse_check && module.slot.first == system_part)
    for (const auto& [slot, other] : state)
      for (const auto& need : other.needs)
        if (slot.first == system_part && slot != module.slot && need.slot == module.slot &&
            need.version > module.version)
          return Reception::refused;
  return Reception::accepted;
}

namespace {
// Behind the first two, a system part runs only where another one needs it (Electron's part 3, from 0.6.0 on).
bool runs(const State& state, SlotName slot) {
  if (slot.first != system_part || slot.second <= 2) return true;
  return std::any_of(state.begin(), state.end(), [&](const auto& other) {
    return other.first != slot &&
        std::any_of(
            other.second.needs.begin(), other.second.needs.end(), [&](const Need& need) { return need.slot == slot; });
  });
}
}  // namespace

std::string why_dead(std::uint16_t platform, const State& state) {
  if (running(platform, state) == nullptr) return "there is no system";
  for (const auto& [slot, module] : state) {
    // A user part that lacks something, or is not there: safe mode. It has no say in whether the system starts.
    if (slot.first == user_part || !runs(state, slot)) continue;
    for (std::size_t i = 0; i < module.needs.size(); ++i) {
      const auto& need = module.needs[i];
      // A bootloader that only the second dependency asks for: safe mode, from 0.7.0 on.
      if (i == 1 && need.slot.first == bootloader) continue;
      if (!met(state, need))
        return words(module) + " lacks " + std::to_string(need.slot.first) + "/" + std::to_string(need.slot.second) +
            "@" + std::to_string(need.version);
    }
  }
  return {};
}

Bytes make_file(std::uint16_t platform, const Module& module) {
  virtual_device::ModuleSpec spec;
  spec.platform = platform;
  spec.function = module.slot.first;
  spec.index = module.slot.second;
  spec.version = module.version;
  spec.size = made_size;
  spec.start = module.start;
  const auto needs = [](const Need& need) {
    return virtual_device::ModuleSpec::Needs{need.slot.first, need.slot.second, need.version};
  };
  if (!module.needs.empty()) spec.needs1 = needs(module.needs[0]);
  if (module.needs.size() > 1) spec.needs2 = needs(module.needs[1]);
  return virtual_device::make_module(spec);
}

virtual_device::Flash make_flash(std::uint16_t platform, const State& state) {
  virtual_device::Flash flash(platform);
  for (const auto& [slot, module] : state) flash.put(make_file(platform, module));
  flash.set_rules([platform](const virtual_device::Flash& now) {
    State holder;
    for (const std::uint8_t index : {1, 2})
      if (const auto version = now.version(system_part, index)) holder[{system_part, index}].version = *version;
    virtual_device::ReceptionRules rules;
    if (const auto* release = running(platform, holder)) {
      rules.second_dependency = release->second_dependency;
      rules.reverse_check = release->reverse_check;
      rules.slots = release->slots;
    }
    return rules;
  });
  return flash;
}

}  // namespace drydock::testing::device_os
