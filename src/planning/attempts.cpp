#include "planning/attempts.hpp"

#include "firmware/releases.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>

namespace drydock::planning {

using namespace std::chrono_literals;

std::chrono::milliseconds retry_delay(int failed_attempts) {
  constexpr std::array<std::chrono::milliseconds, 3> pauses{1min, 5min, 30min};
  const auto i =
      std::clamp<std::size_t>(static_cast<std::size_t>(std::max(failed_attempts, 1)) - 1, 0, pauses.size() - 1);
  return pauses[i];
}

Permission check_attempt(const Step& step, const Attempts& before, std::int64_t now) {
  if (before.recent_sends >= max_sends)
    return {Permission::Answer::give_up, 0,
        fmt::format("{} was sent {} times within a day, and the device always needs it again{}{}", step.module.title(),
            before.recent_sends, before.last_error.empty() ? "" : ": ", before.last_error)};
  if (before.count == 0) return {};
  const auto tried = fmt::format(
      "{} was tried {} time{}: {}", step.module.title(), before.count, before.count == 1 ? "" : "s", before.last_error);
  if (before.count >= max_attempts) return {Permission::Answer::give_up, 0, tried};
  const auto not_before = before.last_started + retry_delay(before.count).count();
  if (now >= not_before) return {};
  return {Permission::Answer::wait, not_before, tried};
}

Reconciled reconcile(const InFlight& step, const firmware::Inventory& reported) {
  const auto* now = reported.find(step.key);
  const auto title = firmware::module_title(reported.platform, step.key, step.version);
  const auto interrupted = fmt::format("the connection ended before {} was sent completely", title);
  // A Core reports no modules; its Hello says whether the image that it was sent has been applied.
  if (step.key.function == firmware::Function::monolithic) {
    if (reported.update_applied && step.completely_sent) return {true, ""};
    if (!step.completely_sent || !step.confirmed) return {false, interrupted, false};
    return {false, fmt::format("the device took {} and does not say that it runs it", title)};
  }
  if (step.key.function == firmware::Function::asset) {
    const bool there = std::any_of(reported.assets.begin(), reported.assets.end(),
        [&](const firmware::Asset& asset) { return asset.sha256 == step.suffix_sha256; });
    if (there) return {true, ""};
    if (!step.completely_sent || !step.confirmed) return {false, interrupted, false};
    return {false, "the device took the asset and does not report it"};
  }
  if (now == nullptr && !step.completely_sent) return {false, interrupted, false};
  if (now == nullptr) return {false, fmt::format("the device reports no {}", step.key.name())};
  const bool same_file =
      step.key.function != firmware::Function::user_part || now->sha256.empty() || now->sha256 == step.suffix_sha256;
  if (now->version == step.version && same_file && !now->damaged()) return {true, ""};
  if (!step.completely_sent) return {false, interrupted, false};
  if (!step.confirmed && now->version != step.version)
    return {false,
        fmt::format("the connection ended before the device confirmed {}, and it still reports version {}", title,
            now->version),
        false};
  if (now->version == step.version && now->damaged())
    return {false, fmt::format("the device took {} and reports it damaged", title)};
  if (now->version == step.version)
    return {false, fmt::format("the device took {} and still runs another one of that version", title)};
  return {false, fmt::format("the device took {} and still reports version {}", title, now->version)};
}

}  // namespace drydock::planning
