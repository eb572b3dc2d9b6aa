// What people said of a device's updates: of the device itself, of its group, its platform or all devices, the more
// particular before the less.
#pragma once

#include "planning/maintenance_window.hpp"
#include "planning/plan.hpp"

#include <fmt/format.h>
#include <string>
#include <vector>

namespace drydock::planning {

struct UpdatePolicy {
  Targets targets;
  std::size_t own_targets = 0;  ///< as many of `targets`, the first, were said of the device itself; then a rollout's
  bool held = false;            ///< by a rule: is sent nothing
  std::string held_by;          ///< which: "group 'greenhouse'"
  /// All must be open for something to begin: of a rule, and of the rollout that the device is in.
  struct Window {
    WindowWords words;
    std::string rule;
    bool operator==(const Window&) const = default;
  };
  std::vector<Window> windows;
  std::int64_t rollout = 0;            ///< whose targets it has; 0: none
  std::string health_event;            ///< that the rollout waits for; empty: none
  std::uint64_t bytes_per_second = 0;  ///< of all devices of that rollout together; 0: any
};

/// Why a device is sent nothing, whatever it needs: empty when nobody said so. `by_person`: of this device;
/// `all_paused`: of all.
inline std::string why_paused(bool by_person, bool all_paused, const UpdatePolicy& policy) {
  if (by_person) return "paused: updates of this device wait until a person resumes them";
  if (all_paused) return "paused: a person has paused all updates";
  if (policy.held) return fmt::format("paused: by the rule for {}", policy.held_by);
  return "";
}

/// The first of the windows that is not open, by the clock; nothing: something may begin.
inline const UpdatePolicy::Window* closed_window(const UpdatePolicy& policy, std::int64_t utc) {
  for (const auto& window : policy.windows)
    if (!is_open(window.words, utc)) return &window;
  return nullptr;
}

}  // namespace drydock::planning
