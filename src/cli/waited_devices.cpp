#include "cli/waited_devices.hpp"

#include "base/log.hpp"
#include "cli/standing.hpp"
#include "server/state_words.hpp"
#include "store/device_list.hpp"

#include <fmt/core.h>

namespace drydock::cli {
namespace {

// Nothing that is waited for happens before a person does something.
bool waits_for_person(const store::DeviceRow& row, const WaitOptions& options) {
  const auto state = store::shown_state(row, 0);
  return state == "refused" || state == "unknown_key" || state == "awaiting_approval" ||
      (options.current && (state == "parked" || state == "blocked" || state == "held"));
}

std::string name_of(const store::DeviceRow& row) {
  return row.name.empty() ? row.id : log::printable(row.name);
}

std::string reached_words(std::size_t count, const WaitOptions& options) {
  return fmt::format("{} device{} {} {}", count, count == 1 ? "" : "s", count == 1 ? "is" : "are",
      options.current ? "up to date" : "connected");
}

Standing standing_of(const WaitedDevices& seen, const WaitOptions& options) {
  Standing standing;
  const store::DeviceRow* first = nullptr;
  standing.running = seen.running;
  for (const auto& [row, needs_nothing] : seen.devices) {
    if ((!options.connected || row.connected) && (!options.current || needs_nothing)) continue;
    const auto words = name_of(row) + " " + server::state_in_words(row, 0);
    if (seen.paused && options.current && row.state != "updating" && !needs_nothing)
      standing.stuck.push_back(name_of(row) + " waits: all updates are paused, 'drydock resume' lets them go on");
    else if (waits_for_person(row, options))
      standing.stuck.push_back(words);
    if (first == nullptr) first = &row;
    standing.missing.push_back(words);
    standing.left.push_back(
        {{"id", row.id}, {"name", row.name}, {"state", row.state}, {"state_words", row.state_words}});
  }
  const auto count = standing.missing.size();
  if (first != nullptr)
    standing.words = fmt::format("{}{}: {}", name_of(*first), count == 1 ? "" : fmt::format(" and {} more", count - 1),
        server::state_in_words(*first, 0));
  if (count == 0) standing.reached = reached_words(seen.devices.size(), options);
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
