#include "server/rollouts_json.hpp"

#include "server/as_json.hpp"

#include <nlohmann/json.hpp>

namespace drydock::server {
namespace {

using nlohmann::json;

// Names come from people and files: whatever is not UTF-8 is replaced.
std::string print(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace);
}

json json_of(const store::ReleaseRow& release) {
  auto modules = json::array();
  for (const auto& m : release.modules) modules.push_back(json::parse(module_as_json(m)));
  return {{"name", release.name}, {"notes", release.notes}, {"created", release.created}, {"modules", modules},
      {"missing", release.missing}, {"needs", needs_of(release)}};
}

json json_of(const store::RolloutRow& row) {
  const auto& [rules, stage, wave, words, forgiven, all] = row.rollout;
  auto devices = json::array();
  auto counts = json::object();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& device = all[i];
    const std::string name(planning::stage_name(device.stage));
    devices.push_back({{"id", device.id}, {"name", row.names[i]}, {"stage", name}, {"state", row.states[i]},
        {"canary", device.canary},
        {"wave", device.stage == planning::DeviceStage::waiting ? json(nullptr) : json(device.wave + 1)},
        {"restarts", device.restarts}, {"words", device.words}});
    counts[name] = counts.value(name, 0) + 1;
  }
  return {{"id", row.id}, {"release", row.release}, {"created", row.created}, {"stage", planning::stage_name(stage)},
      {"words", words}, {"wave", wave + 1}, {"waves", planning::wave_words(rules.waves)},
      {"rules",
          {{"soak_ms", rules.soak}, {"lost_after_ms", rules.lost_after}, {"failures", rules.failures},
              {"failure_percent", rules.failure_percent}, {"restarts", rules.restarts}, {"at_once", rules.at_once},
              {"per_minute", rules.per_minute}, {"bytes_per_second", rules.bytes_per_second},
              {"downgrade", rules.downgrade}, {"forced", rules.forced}, {"hours", rules.window.hours},
              {"time_zone", rules.window.time_zone}, {"blackout", rules.window.blackout},
              {"health_event", rules.health_event}}},
      {"forgiven", forgiven}, {"counts", counts}, {"devices", devices}};
}

template <class Rows>
std::string list_of(const char* name, const Rows& rows) {
  auto list = json::array();
  for (const auto& row : rows) list.push_back(json_of(row));
  return print({{name, list}});
}

}  // namespace

std::string release_as_json(const store::ReleaseRow& release) {
  return print(json_of(release));
}
std::string releases_as_json(const std::vector<store::ReleaseRow>& releases) {
  return list_of("releases", releases);
}
std::string rollout_as_json(const store::RolloutRow& rollout) {
  return print(json_of(rollout));
}
std::string rollouts_as_json(const std::vector<store::RolloutRow>& rollouts) {
  return list_of("rollouts", rollouts);
}

std::string rollout_plan_as_json(const RolloutPlan& plan) {
  auto devices = json::array();
  for (const auto& device : plan.devices) {
    auto steps = json::array();
    for (const auto& step : device.steps)
      steps.push_back({{"sha256", step.module.sha256}, {"module", step.module.title()}, {"size", step.module.size},
          {"reason", step.reason}});
    devices.push_back({{"id", device.row.id}, {"name", device.row.name}, {"canary", device.canary}, {"steps", steps},
        {"bytes", device.bytes()}, {"left_out", device.left_out}, {"no_way_back", device.no_way_back},
        {"waits", device.waits}});
  }
  return print({{"release", plan.release}, {"waves", planning::wave_words(plan.rules.waves)},
      {"wave_sizes", plan.waves()}, {"expected_ms", plan.expected_time()}, {"devices", devices}});
}

}  // namespace drydock::server
