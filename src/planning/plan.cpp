#include "planning/plan.hpp"

#include "base/limits.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <map>

namespace drydock::planning {
namespace {

using firmware::Dependency;
using firmware::Function;
using firmware::ModuleFacts;
using firmware::ModuleKey;
using firmware::StockedModule;

// A device as it will be after the steps found so far.
struct Slot {
  std::uint16_t version = 0;
  std::vector<Dependency> dependencies;
  std::string sha256;   // of a user part's suffix; empty when the device does not say
};
using Device = std::map<ModuleKey, Slot>;

bool meets(const Device& device, const Dependency& need) {
  const auto found = device.find(need.key);
  return found != device.end() && found->second.version >= need.version;
}

// What the device checks before it accepts a module over the air (PROTOCOL §6.8): nothing for a user part, and not a
// bootloader that is only the second dependency. Those are wanted all the same, but may come afterwards.
bool enforced_on_arrival(const ModuleFacts& module, std::size_t position) {
  if (module.key.function == Function::user_part) return true;  // not enforced, but the system goes first (R7)
  return !(position == 1 && module.dependencies[position].key.function == Function::bootloader);
}

bool plannable(Function f) {
  switch (f) {
    case Function::bootloader:
    case Function::system_part:
    case Function::user_part:
    case Function::ncp:
    case Function::radio_stack: return true;
    default: return false;
  }
}

std::string titled(ModuleKey key, std::uint16_t version) { return fmt::format("{} version {}", key.name(), version); }

class Planner {
public:
  Planner(const firmware::Inventory& installed, const firmware::Catalogue& catalogue, const Target& target)
      : inventory_(installed), catalogue_(catalogue), target_(target) {
    for (const auto* module : installed.effective()) {
      order_.push_back(module->key);
      device_[module->key] = Slot{module->version, module->dependencies, module->sha256};
    }
  }

  Plan run() {
    repair_damaged();
    for (const auto& goal : target_.goals)
      if (goal.key.function != Function::user_part) reach(goal);
    meet_all_dependencies();
    for (const auto& goal : target_.goals)
      if (goal.key.function == Function::user_part) reach(goal);
    meet_all_dependencies();

    Plan result;
    result.notes = std::move(notes_);
    if (result.notes.size() > limits::missing_per_plan) result.notes.resize(limits::missing_per_plan);
    result.missing = std::move(missing_);
    if (result.missing.size() > limits::missing_per_plan) {
      result.missing_more = result.missing.size() - limits::missing_per_plan;
      result.missing.resize(limits::missing_per_plan);
    }
    if (result.missing.empty()) result.steps = std::move(steps_);
    return result;
  }

private:
  // R2: a module whose own CRC fails is sent again at the same version, where the catalogue has it. Where it has not,
  // the device evidently lives with it.
  void repair_damaged() {
    for (const auto* module : inventory_.effective()) {
      if (!module->damaged() || module->version == 0 || !plannable(module->key.function)) continue;
      const auto stocked = catalogue_.candidates(inventory_.platform, module->key, module->version);
      const auto same = std::find_if(stocked.begin(), stocked.end(), [&](const auto* s) { return s->version_of(module->key) == module->version && usable(*s); });
      if (same == stocked.end()) {
        notes_.push_back(fmt::format("{} is damaged (its CRC is wrong) and the catalogue has no copy of it", titled(module->key, module->version)));
      } else {
        bring(**same, fmt::format("{} on the device is damaged", titled(module->key, module->version)));
      }
    }
  }

  void meet_all_dependencies() {
    for (bool changed = true; changed && missing_.empty();) {
      changed = false;
      for (std::size_t i = 0; i < order_.size(); ++i) {  // meet() may lengthen the order
        const auto key = order_[i];
        const auto dependencies = device_[key].dependencies;
        for (const auto& need : dependencies) {
          if (!plannable(need.key.function) || meets(device_, need)) continue;
          changed |= meet(need, titled(key, device_[key].version));
        }
      }
    }
  }

  bool satisfied(const Goal& goal, const StockedModule* module) const {
    const auto found = device_.find(goal.key);
    if (found == device_.end() || found->second.version != goal.version) return false;
    if (goal.key.function != Function::user_part || module == nullptr) return true;
    // User parts of one version differ by their hash; an old device that does not report one is believed.
    const auto members = module->members();
    const auto& sha256 = found->second.sha256;
    return sha256.empty() || std::any_of(members.begin(), members.end(), [&](const ModuleFacts& m) { return m.key == goal.key && m.suffix_sha256 == sha256; });
  }

  void reach(const Goal& goal) {
    const StockedModule* module = nullptr;
    for (const auto* c : catalogue_.candidates(inventory_.platform, goal.key, goal.version))
      if (c->version_of(goal.key) == goal.version && usable(*c) && (goal.sha256.empty() || goal.sha256 == c->sha256)) {
        module = c;
        break;
      }
    if (satisfied(goal, module)) return;
    if (module == nullptr) return report_missing({goal.key, goal.version}, "asked for", why_unusable({goal.key, goal.version}));
    const auto why = fmt::format("{} was asked for", module->title());
    if (!bring(*module, why) && missing_.empty()) report_missing({goal.key, goal.version}, "asked for", "with its dependencies");
  }

  // Tries candidates from the lowest sufficient version upwards, so that no needlessly long chain is started (R3).
  bool meet(const Dependency& need, const std::string& who) {
    if (const auto* held = held_below(need)) {
      report_missing(need, fmt::format("needed by {}", who), fmt::format("but the device is held at version {}", held->version));
      return false;
    }
    std::optional<std::vector<Missing>> why_not;
    for (const auto* candidate : catalogue_.candidates(inventory_.platform, need.key, need.version)) {
      if (!usable(*candidate) || in_progress(*candidate)) continue;
      const Device device_before = device_;
      const auto order_before = order_;
      const auto steps_before = steps_.size();
      const auto missing_before = missing_.size();
      if (bring(*candidate, fmt::format("{} needs {}", who, titled(need.key, need.version)))) return true;
      if (!why_not) why_not.emplace(missing_.begin() + static_cast<std::ptrdiff_t>(missing_before), missing_.end());
      missing_.resize(missing_before);
      steps_.resize(steps_before);
      device_ = device_before;
      order_ = order_before;
    }
    if (why_not && !why_not->empty()) {
      for (auto& m : *why_not) add_missing(std::move(m));
    } else {
      report_missing(need, fmt::format("needed by {}", who), why_unusable(need));
    }
    return false;
  }

  // Appends the module behind everything it stands on. False, with missing_ extended, when something is not to be had.
  bool bring(const StockedModule& module, const std::string& reason) {
    if (++expansions_ > expansion_limit) return false;
    progress_.push_back(&module);
    bool complete = true;
    const auto members = module.members();
    for (const auto& member : members)
      for (std::size_t i = 0; i < member.dependencies.size(); ++i)
        if (enforced_on_arrival(member, i) && !comes_along(module, member, member.dependencies[i])) complete &= stand_on(module, member.dependencies[i]);
    for (const auto& member : members) complete = complete && lower_siblings_first(member, module.title());
    if (complete) install(module, reason);
    for (const auto& member : members)
      for (std::size_t i = 0; complete && i < member.dependencies.size(); ++i)
        if (!enforced_on_arrival(member, i)) complete &= stand_on(module, member.dependencies[i]);
    progress_.pop_back();
    return complete;
  }

  // A device checks the modules of a combined file against what is installed, not against each other; but a user part's
  // needs it does not check at all (PROTOCOL §6.6).
  static bool comes_along(const StockedModule& file, const ModuleFacts& member, const Dependency& need) {
    return member.key.function == Function::user_part && member.key != need.key && file.version_of(need.key).value_or(0) >= need.version && file.version_of(need.key);
  }

  bool stand_on(const StockedModule& module, const Dependency& need) {
    if (!plannable(need.key.function) || meets(device_, need)) return true;
    return meet(need, module.title());
  }

  // A device refuses a system part that would leave another installed system part without what it needs, so a
  // downgrade starts with the dependents (R8).
  bool lower_siblings_first(const ModuleFacts& module, const std::string& title) {
    if (module.key.function != Function::system_part) return true;
    for (const auto& [key, slot] : Device(device_)) {
      if (key == module.key || key.function != Function::system_part) continue;
      for (const auto& need : slot.dependencies) {
        if (need.key != module.key || need.version <= module.version) continue;
        const auto* goal = goal_for(key);
        if (goal != nullptr && goal->version < slot.version) reach(*goal);
        for (const auto& now : device_[key].dependencies)
          if (now.key == module.key && now.version > module.version) {
            report_missing({key, 0}, fmt::format("{} would break", title), fmt::format("which needs {}", titled(now.key, now.version)));
            return false;
          }
      }
    }
    return true;
  }

  void install(const StockedModule& module, const std::string& reason) {
    const auto found = device_.find(module.key);
    std::optional<std::uint16_t> from;
    if (found != device_.end()) from = found->second.version;
    for (const auto& member : module.members()) {
      if (!device_.contains(member.key)) order_.push_back(member.key);
      device_[member.key] = Slot{member.version, member.dependencies, member.suffix_sha256};
    }
    steps_.push_back(Step{module, from, reason});
  }

  bool usable(const StockedModule& module) const {
    if (inventory_.max_binary != 0 && module.size > inventory_.max_binary) return false;
    constexpr auto special = firmware::flag::compressed | firmware::flag::combined;
    if ((module.flags & special) != 0 && !inventory_.accepts_compressed) return false;
    return true;
  }
  // Of a file that is there and is of no use for this device; empty when there is none.
  std::string why_unusable(const Dependency& need) const {
    for (const auto* candidate : catalogue_.candidates(inventory_.platform, need.key, need.version)) {
      if (usable(*candidate)) continue;
      if (inventory_.max_binary != 0 && candidate->size > inventory_.max_binary)
        return fmt::format("and the file that is there has {} bytes: this device takes {} at most", candidate->size, inventory_.max_binary);
      return "and the file that is there is compressed or combined, which this device does not take";
    }
    return {};
  }
  bool in_progress(const StockedModule& module) const {
    return std::find(progress_.begin(), progress_.end(), &module) != progress_.end();
  }
  const Goal* goal_for(ModuleKey key) const {
    const auto found = std::find_if(target_.goals.begin(), target_.goals.end(), [key](const Goal& g) { return g.key == key; });
    return found == target_.goals.end() ? nullptr : &*found;
  }
  const Goal* held_below(const Dependency& need) const {
    const auto* goal = goal_for(need.key);
    return goal != nullptr && goal->version < need.version ? goal : nullptr;
  }

  void report_missing(Dependency need, const std::string& why, const std::string& more) {
    std::string words = firmware::platform_name(inventory_.platform) + " " + need.key.name();
    if (need.version != 0) words += fmt::format(", version {}{}", need.version, why == "asked for" ? "" : " or later");
    words += ": " + why;
    if (!more.empty()) words += ", " + more;
    add_missing({need, std::move(words)});
  }
  void add_missing(Missing m) {
    if (std::find(missing_.begin(), missing_.end(), m) == missing_.end()) missing_.push_back(std::move(m));
  }

  // Far beyond any real catalogue; a tangle of contrived files must end too.
  static constexpr int expansion_limit = 2'000;

  const firmware::Inventory& inventory_;
  const firmware::Catalogue& catalogue_;
  const Target& target_;
  Device device_;
  std::vector<ModuleKey> order_;  // of device_, as the device lists its modules
  std::vector<Step> steps_;
  std::vector<Missing> missing_;
  std::vector<std::string> notes_;
  std::vector<const StockedModule*> progress_;
  int expansions_ = 0;
};

}  // namespace

Plan plan(const firmware::Inventory& installed, const firmware::Catalogue& catalogue, const Target& target) {
  return Planner(installed, catalogue, target).run();
}

std::string missing_words(const Plan& plan) {
  constexpr std::size_t told = 3;
  std::string words = "missing in the catalogue: ";
  for (std::size_t i = 0; i < plan.missing.size() && i < told; ++i) words += (i == 0 ? "" : "; ") + plan.missing[i].words;
  const auto more = plan.missing_more + plan.missing.size() - std::min(plan.missing.size(), told);
  return more == 0 ? words : words + fmt::format(" and {} more", more);
}

std::vector<Goal> goals_of(const StockedModule& file) {
  std::vector<Goal> goals;
  for (const auto& member : file.members()) goals.push_back({member.key, member.version, file.sha256});
  return goals;
}

std::vector<Dependency> unmet_dependencies(const firmware::Inventory& installed) {
  std::vector<Dependency> needs;
  for (const auto* module : installed.effective())
    for (const auto& need : module->dependencies) {
      const auto* have = installed.find(need.key);
      if (!plannable(need.key.function) || (have != nullptr && have->version >= need.version)) continue;
      if (std::find(needs.begin(), needs.end(), need) == needs.end()) needs.push_back(need);
    }
  return needs;
}

}  // namespace drydock::planning
