// Whether a device may be sent something now, as people said it.
#include "server/update_controller.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::server {
namespace {

using namespace std::chrono_literals;

constexpr auto longest_look_at_hours = 1min;

}  // namespace

std::string DeviceUpdateController::held_back(const DeviceEntry& m) const {
  return planning::why_paused(m.row.held, server_.paused_, m.policy);
}

// It begins only what should be over before its hours are, with all that follows: a device in the middle of it may sit
// in safe mode until they open again.
std::optional<DeviceUpdateController::Closed> DeviceUpdateController::closed_until(const DeviceEntry& m) const {
  constexpr std::uint64_t slow_bytes_per_second = 10 * 1024;
  constexpr std::int64_t reset = 20'000;
  auto rate = slow_bytes_per_second;
  if (m.policy.bytes_per_second != 0) rate = std::min(rate, m.policy.bytes_per_second);
  std::int64_t takes = 0;
  for (const auto& step : m.plan.steps) takes += static_cast<std::int64_t>(step.module.size * 1000 / rate) + reset;
  // Hours may be as short as a quarter of an hour: what takes longer begins at their beginning.
  constexpr std::int64_t shortest_hours = 600'000;
  takes = std::min(takes, shortest_hours);
  const auto now = utc_milliseconds();
  const auto* window = planning::closed_window(m.policy, now);
  if (window == nullptr) window = planning::closed_window(m.policy, now + takes);
  if (window == nullptr) return std::nullopt;
  Closed closed;
  closed.words = planning::is_plausible_time(now)
      ? fmt::format("waits for the hours of {}: {}", window->rule, planning::window_words(window->words))
      : fmt::format("waits for the hours of {}, and this machine's clock is not set", window->rule);
  // A clock may be set meanwhile.
  closed.pause = longest_look_at_hours;
  if (const auto opens = planning::opens_at(window->words, now); opens && *opens > now)
    closed.pause = std::min<Clock::duration>(closed.pause, std::chrono::milliseconds(*opens - now));
  return closed;
}

}  // namespace drydock::server
