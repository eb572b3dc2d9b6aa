#include "cli/waited_devices.hpp"

#include "base/log.hpp"
#include "cli/standing.hpp"
#include "server/state_words.hpp"
#include "store/device_list.hpp"

#include <fmt/core.h>

namespace drydock::cli {
namespace {

std::string name_of(const store::DeviceRow& row) {
  return row.name.empty() ? row.id : log::printable(row.name);
}

std::string reached_words(std::size_t count, const WaitOptions& options) {
  return fmt::format("{} device{} {} {}", count, count == 1 ? "" : "s", count == 1 ? "is" : "are",
      !options.connected    ? "up to date"
          : options.current ? "connected and up to date"
                            : "connected");
}

bool is_current(const WaitedDevice& device) {
  return device.needs_nothing && !device.rollout;
}

/// Of a device that is not as it should be.
struct Missing {
  std::string words;
  bool needs_person = false;  ///< nothing happens before one does something
};

Missing missing_of(const WaitedDevice& device, const WaitedDevices& seen, const WaitOptions& options) {
  const auto& row = device.row;
  const auto state = store::shown_state(row, 0);
  const auto words = server::state_in_words(row, 0);
  if (state == "refused" || state == "unknown_key" || state == "awaiting_approval") return {words, true};
  if (!options.current || is_current(device)) return {"is not connected", false};
  if (state == "held") return {"is paused: updates of it wait until a person resumes them", true};
  if (state == "parked" || state == "blocked") return {words, true};
  if (seen.paused && row.state != "updating") return {paused_words, true};
  if (!device.needs_nothing) return {words, false};
  return {fmt::format("waits for its turn in rollout {}, which is {}", device.rollout->id, device.rollout->stage),
      device.rollout->stage != planning::stage_name(planning::RolloutStage::running)};
}

Standing standing_of(const WaitedDevices& seen, const WaitOptions& options) {
  Standing standing;
  standing.running = seen.running;
  for (const auto& device : seen.devices) {
    const auto& row = device.row;
    if ((!options.connected || row.connected) && (!options.current || is_current(device))) continue;
    const auto [words, needs_person] = missing_of(device, seen, options);
    const auto line = name_of(row) + " " + words;
    if (needs_person) standing.stuck.push_back(line);
    if (standing.missing.empty()) standing.words = name_of(row) + ": " + words;
    standing.missing.push_back(line);
    standing.left.push_back({{"id", row.id}, {"name", row.name}, {"state", row.state},
        {"shown_state", store::shown_state(row, 0)}, {"state_words", words}});
  }
  const auto count = standing.missing.size();
  if (count == 0) standing.reached = reached_words(seen.devices.size(), options);
  if (count > 1) standing.words += fmt::format(", and for {} more", count - 1);
  // Others still go on.
  if (standing.stuck.size() < count) standing.stuck.clear();
  return standing;
}

}  // namespace

Result<StandingSource> standing_of_devices(const Context& context, const WaitOptions& options) {
  auto source = options.remote.url.empty() ? devices_here(context, options.devices)
                                           : devices_elsewhere(options.remote, options.devices);
  if (!source) return tl::unexpected(source.error());
  return StandingSource([source = std::move(*source), options]() -> Result<Standing> {
    const auto seen = source();
    if (!seen) return tl::unexpected(seen.error());
    return standing_of(*seen, options);
  });
}

}  // namespace drydock::cli
