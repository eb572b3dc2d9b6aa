#include "integrations/home_assistant.hpp"

#include "base/text.hpp"
#include "firmware/platforms.hpp"
#include "firmware/releases.hpp"
#include "server/state_words.hpp"
#include "version.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <fmt/core.h>

namespace drydock::integrations {
namespace {

using nlohmann::json;

constexpr std::size_t longest_summary = 255;  // Home Assistant's

std::string object_id(const std::string& device_id) {
  return "drydock_" + device_id;
}

json origin() {
  return {{"name", "Drydock"}, {"sw_version", version}};
}

json on_off(bool on) {
  return on ? "ON" : "OFF";
}

// An entity whose value is a field of a state that is JSON.
json entity(const char* platform, const std::string& unique_id, const char* name, const std::string& topic,
    const char* field, const MqttTopics& topics) {
  return {{"platform", platform}, {"unique_id", unique_id}, {"name", name}, {"state_topic", topic},
      {"value_template", fmt::format("{{{{ value_json.{} }}}}", field)},
      {"availability", json::array({{{"topic", topics.status()}}})}};
}

json with(json entity, std::initializer_list<std::pair<const char*, json>> more) {
  for (const auto& [key, value] : more) entity[key] = value;
  return entity;
}

std::string system_words(std::uint16_t platform, std::uint16_t version) {
  if (version == 0) return "";
  const auto release = firmware::release_words(platform, firmware::slot_table_holder(platform), version);
  return release.empty() ? std::to_string(version) : release;
}

struct Versions {
  std::string system;
  std::optional<std::uint16_t> application;
};

// "3.3.1", "3.3.1, application 5".
std::string words_of(const Versions& versions) {
  if (!versions.application) return versions.system;
  return fmt::format("{}{}application {}", versions.system, versions.system.empty() ? "" : ", ", *versions.application);
}

// The system part that has the number of the release; of others the version may lag behind for a step.
bool tells_release(std::uint16_t platform, const firmware::ModuleKey& key) {
  return key == firmware::slot_table_holder(platform) || key.function == firmware::Function::monolithic;
}

Versions installed(const server::DeviceView& view) {
  Versions versions;
  versions.system = system_words(view.row.platform, view.row.system_version);
  for (const auto& module : view.modules_stored)
    if (tells_release(view.row.platform, module.key) && module.store == firmware::StoreLocation::main)
      versions.system = system_words(view.row.platform, module.version);
  for (const auto& module : view.modules_stored)
    if (module.key.function == firmware::Function::user_part && module.version > 0)
      versions.application = module.version;
  return versions;
}

// What it will run when all is sent. Modules of which no version is told make a difference too.
std::string latest(const server::DeviceView& view, const std::string& now) {
  auto versions = installed(view);
  for (const auto& step : view.plan.steps) {
    if (tells_release(view.row.platform, step.module.key))
      versions.system = system_words(view.row.platform, step.module.version);
    if (step.module.key.function == firmware::Function::user_part) versions.application = step.module.version;
  }
  const auto words = words_of(versions);
  if (view.plan.steps.empty() || words != now) return words;
  return fmt::format("{} and {} module{}", words, view.plan.steps.size(), view.plan.steps.size() == 1 ? "" : "s");
}

json device_of(const server::DeviceView& view, const std::string& fleet_id) {
  json device{{"identifiers", json::array({object_id(view.row.id)})},
      {"name", view.row.name.empty() ? view.row.id : view.row.name}, {"manufacturer", "Particle"},
      {"model", firmware::platform_name(view.row.platform)}, {"serial_number", view.row.id}, {"via_device", fleet_id}};
  if (const auto words = words_of(installed(view)); !words.empty()) device["sw_version"] = words;
  if (!view.row.group.empty()) device["suggested_area"] = view.row.group;
  return device;
}

const json* at(const json& vitals, const char* pointer) {
  const json::json_pointer where(pointer);
  return vitals.is_object() && vitals.contains(where) ? &vitals[where] : nullptr;
}

}  // namespace

std::string HomeAssistant::device_topic(const std::string& device_id) const {
  return fmt::format("{}/device/{}/config", discovery, object_id(device_id));
}

std::string HomeAssistant::fleet_topic() const {
  return fmt::format("{}/device/{}/config", discovery, fleet_id());
}

std::string HomeAssistant::fleet_id() const {
  auto id = topics.beginning();
  for (char& c : id)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return id;
}

json HomeAssistant::device(const server::DeviceView& view, const json& said) const {
  const auto& id = view.row.id;
  const auto unique = [&](const char* what) { return object_id(id) + "_" + what; };
  json update{{"platform", "update"}, {"unique_id", unique("update")}, {"name", "Firmware"},
      {"device_class", "firmware"}, {"state_topic", topics.update(id)},
      {"availability", json::array({{{"topic", topics.status()}}})}};
  if (commands) {
    update["command_topic"] = topics.install(id);
    update["payload_install"] = "INSTALL";
  }
  const auto state = topics.state(id);
  json components{{"update", std::move(update)},
      {"connected",
          with(entity("binary_sensor", unique("connected"), "Connection", state, "connected", topics),
              {{"device_class", "connectivity"}, {"entity_category", "diagnostic"}})},
      {"safe_mode",
          with(entity("binary_sensor", unique("safe_mode"), "Safe mode", state, "safe_mode", topics),
              {{"device_class", "problem"}, {"entity_category", "diagnostic"}})},
      {"attention",
          with(entity("binary_sensor", unique("attention"), "Needs attention", state, "attention", topics),
              {{"device_class", "problem"}, {"entity_category", "diagnostic"}})},
      {"state",
          with(entity("sensor", unique("state"), "State", state, "status", topics),
              {{"entity_category", "diagnostic"}, {"icon", "mdi:update"}, {"json_attributes_topic", state}})}};
  const auto diagnostics = topics.diagnostics(id);
  const auto add = [&](const char* field, const char* name, std::initializer_list<std::pair<const char*, json>> more) {
    if (!said.contains(field)) return;
    components[field] = with(with(entity("sensor", unique(field), name, diagnostics, field, topics), more),
        {{"entity_category", "diagnostic"}});
  };
  add("signal", "Signal",
      {{"device_class", "signal_strength"}, {"unit_of_measurement", "dBm"}, {"state_class", "measurement"}});
  add("uptime", "Uptime", {{"device_class", "duration"}, {"unit_of_measurement", "s"}});
  add("last_reset", "Last reset", {{"icon", "mdi:restart"}});
  add("battery", "Battery",
      {{"device_class", "battery"}, {"unit_of_measurement", "%"}, {"state_class", "measurement"}});
  auto device = device_of(view, fleet_id());
  if (!page.empty()) device["configuration_url"] = page + "/#/device/" + id;
  return {{"device", std::move(device)}, {"origin", origin()}, {"components", std::move(components)}};
}

json HomeAssistant::fleet() const {
  const auto state = topics.fleet();
  const auto counter = [&](const char* field, const char* name, const char* icon) {
    return with(entity("sensor", fmt::format("{}_fleet_{}", fleet_id(), field), name, state, field, topics),
        {{"state_class", "measurement"}, {"icon", icon}});
  };
  json components{{"devices", counter("devices", "Devices", "mdi:chip")},
      {"connected", counter("connected", "Connected", "mdi:lan-connect")},
      {"updating", counter("updating", "Updating", "mdi:progress-download")},
      {"attention", counter("attention", "Need attention", "mdi:alert-outline")},
      {"rollout_stopped",
          with(entity("binary_sensor", fleet_id() + "_fleet_rollout_stopped", "Rollout stopped", state,
                   "rollout_stopped", topics),
              {{"device_class", "problem"}})}};
  // A component that has its platform alone is removed, where another configuration has left it.
  components["pause"] = {{"platform", "switch"}};
  components["paused"] = {{"platform", "binary_sensor"}};
  if (commands)
    components["pause"] = with(entity("switch", fleet_id() + "_fleet_paused", "Pause updates", state, "paused", topics),
        {{"command_topic", topics.pause()}, {"icon", "mdi:pause-circle"}});
  else
    components["paused"] =
        with(entity("binary_sensor", fleet_id() + "_fleet_paused", "Updates paused", state, "paused", topics),
            {{"icon", "mdi:pause-circle"}});
  json device{{"identifiers", json::array({fleet_id()})}, {"name", "Drydock on " + machine},
      {"manufacturer", "Drydock"}, {"model", "Local cloud"}, {"sw_version", version}};
  if (!page.empty()) device["configuration_url"] = page;
  return {{"device", std::move(device)}, {"origin", origin()}, {"components", std::move(components)}};
}

bool needs_attention(const std::string& shown_state) {
  const auto states = server::states_that_need_a_person();
  return std::find(states.begin(), states.end(), shown_state) != states.end();
}

json state_of(const server::DeviceView& view, const std::string& shown_state) {
  auto status = server::state_name(shown_state);
  if (!status.empty()) status[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(status[0])));
  return {{"connected", on_off(view.row.connected)}, {"safe_mode", on_off(view.row.safe_mode)}, {"state", shown_state},
      {"status", status}, {"attention", on_off(needs_attention(shown_state))},
      {"words", shown_state == view.row.state ? view.row.state_words : ""}, {"address", view.row.address}};
}

bool resets_within_update(const server::DeviceView& view) {
  return view.row.state == "waiting" && !view.row.connected && view.step_to_judge;
}

json update_of(const server::DeviceView& view, bool resets) {
  const auto now = words_of(installed(view));
  const auto wanted = latest(view, now);
  json state{{"title", "Firmware"}, {"in_progress", false}, {"update_percentage", nullptr}};
  if (!now.empty()) state["installed_version"] = now;
  if (!wanted.empty()) state["latest_version"] = wanted;
  std::string summary;
  for (const auto& step : view.plan.steps) summary += (summary.empty() ? "" : ", ") + step.module.title();
  if (view.transfer) {
    const auto size = std::max<std::size_t>(view.transfer->step.module.size, 1);
    const auto steps = std::max<std::size_t>(view.steps_done + view.plan.steps.size(), 1);
    state["in_progress"] = true;
    state["update_percentage"] =
        std::min<std::size_t>(99, (view.steps_done * 100 + view.transfer->bytes * 100 / size) / steps);
  } else if (view.row.state == "updating" || resets) {
    const auto done = view.steps_done + (view.step_to_judge ? 1 : 0);
    state["in_progress"] = true;
    if (done != 0 && !view.plan.steps.empty())
      state["update_percentage"] = std::min<std::size_t>(99, done * 100 / (view.steps_done + view.plan.steps.size()));
  }
  if (summary.empty() && (wanted != now || needs_attention(view.row.state))) summary = view.row.state_words;
  // Told even when there is none: what is not told stays as it was.
  state["release_summary"] = shorten(summary, longest_summary);
  return state;
}

json diagnostics_of(const json& vitals) {
  json said = json::object();
  for (const auto& [field, pointer] :
      {std::pair("signal", "/device/network/signal/strengthv"), std::pair("signal", "/device/network/signal/rssi"),
          std::pair("uptime", "/device/system/uptime"), std::pair("last_reset", "/device/system/reset_reason"),
          std::pair("battery", "/device/power/battery/charge")})
    if (const auto* value = at(vitals, pointer); value != nullptr && value->is_number() && !said.contains(field))
      said[field] = *value;
  return said;
}

json fleet_state(const std::map<std::string, std::int64_t>& states, std::size_t connected, std::size_t stopped_rollouts,
    bool paused) {
  std::int64_t devices = 0;
  std::int64_t attention = 0;
  for (const auto& [state, count] : states) {
    devices += count;
    if (needs_attention(state)) attention += count;
  }
  const auto updating = states.find("updating");
  return {{"devices", devices}, {"connected", connected}, {"updating", updating == states.end() ? 0 : updating->second},
      {"attention", attention}, {"rollout_stopped", on_off(stopped_rollouts != 0)}, {"paused", on_off(paused)}};
}

}  // namespace drydock::integrations
