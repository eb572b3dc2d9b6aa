#include "planning/plan.hpp"

#include "base/limits.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <map>

namespace drydock::planning {
namespace {

using firmware::Dependency;
using firmware::Function;
using firmware::LibraryModule;
using firmware::ModuleInfo;
using firmware::ModuleKey;

// A device as it will be after the steps found so far.
struct Slot {
  std::uint16_t version = 0;
  std::vector<Dependency> dependencies;
  std::string sha256;  // of a user part's suffix; empty when the device does not say
};
using Device = std::map<ModuleKey, Slot>;

bool meets(const Device& device, const Dependency& need) {
  const auto found = device.find(need.key);
  return found != device.end() && found->second.version >= need.version;
}

// What the device checks before it accepts a module over the air (PROTOCOL §6.8): nothing for a user part, and not a
// bootloader that is only the second dependency. Those are wanted all the same, but may come afterwards.
bool checked_on_receipt(const ModuleInfo& module, std::size_t position) {
  if (module.key.function == Function::user_part) return true;  // not enforced, but the system goes first (R7)
  return !(position == 1 && module.dependencies[position].key.function == Function::bootloader);
}

bool is_plannable(Function f) {
  switch (f) {
    case Function::bootloader:
    case Function::system_part:
    case Function::user_part:
    case Function::ncp:
    case Function::radio_stack: return true;
    default: return false;
  }
}

std::string module_title(ModuleKey key, std::uint16_t version) {
  return fmt::format("{} version {}", key.name(), version);
}

class Planner {
public:
  Planner(const firmware::Inventory& installed, const firmware::Library& library, const Targets& targets)
      : inventory_(installed), library_(library), targets_(targets) {
    for (const auto* module : installed.effective()) {
      order_.push_back(module->key);
      device_[module->key] = Slot{module->version, module->dependencies, module->sha256};
    }
  }

  Plan run() {
    repair_damaged();
    for (const auto& target : targets_.targets)
      if (target.key.function != Function::user_part) plan_target(target);
    satisfy_all_dependencies();
    for (const auto& target : targets_.targets)
      if (target.key.function == Function::user_part) plan_target(target);
    satisfy_all_dependencies();

    Plan result;
    result.notes = std::move(notes_);
    if (result.notes.size() > limits::missing_modules_per_plan) result.notes.resize(limits::missing_modules_per_plan);
    result.missing = std::move(missing_);
    if (result.missing.size() > limits::missing_modules_per_plan) {
      result.missing_more = result.missing.size() - limits::missing_modules_per_plan;
      result.missing.resize(limits::missing_modules_per_plan);
    }
    if (result.missing.empty()) result.steps = std::move(steps_);
    return result;
  }

private:
  // R2: a module whose own CRC fails is sent again at the same version, where the library has it. Where it has not,
  // the device evidently lives with it.
  void repair_damaged() {
    for (const auto* module : inventory_.effective()) {
      if (!module->damaged() || module->version == 0 || !is_plannable(module->key.function)) continue;
      const auto entry = library_.candidates(inventory_.platform, module->key, module->version);
      const auto same = std::find_if(entry.begin(), entry.end(),
          [&](const auto* s) { return s->version_of(module->key) == module->version && usable(*s); });
      if (same == entry.end()) {
        notes_.push_back(fmt::format("{} is damaged (its CRC is wrong) and the library has no copy of it",
            module_title(module->key, module->version)));
      } else {
        add_with_dependencies(
            **same, fmt::format("{} on the device is damaged", module_title(module->key, module->version)));
      }
    }
  }

  void satisfy_all_dependencies() {
    for (bool changed = true; changed && missing_.empty();) {
      changed = false;
      for (std::size_t i = 0; i < order_.size(); ++i) {  // satisfy() may lengthen the order
        const auto key = order_[i];
        const auto dependencies = device_[key].dependencies;
        for (const auto& need : dependencies) {
          if (!is_plannable(need.key.function) || meets(device_, need)) continue;
          changed |= satisfy(need, module_title(key, device_[key].version));
        }
      }
    }
  }

  bool satisfied(const Target& target, const LibraryModule* module) const {
    const auto found = device_.find(target.key);
    if (found == device_.end() || found->second.version != target.version) return false;
    if (target.key.function != Function::user_part || module == nullptr) return true;
    // User parts of one version differ by their hash; an old device that does not report one is believed.
    const auto members = module->members();
    const auto& sha256 = found->second.sha256;
    return sha256.empty() || std::any_of(members.begin(), members.end(), [&](const ModuleInfo& m) {
      return m.key == target.key && m.suffix_sha256 == sha256;
    });
  }

  void plan_target(const Target& target) {
    const LibraryModule* module = nullptr;
    for (const auto* c : library_.candidates(inventory_.platform, target.key, target.version))
      if (c->version_of(target.key) == target.version && usable(*c) &&
          (target.sha256.empty() || target.sha256 == c->sha256)) {
        module = c;
        break;
      }
    if (satisfied(target, module)) return;
    if (module == nullptr)
      return report_missing({target.key, target.version}, "asked for", why_unusable({target.key, target.version}));
    const auto why = fmt::format("{} was asked for", module->title());
    if (!add_with_dependencies(*module, why) && missing_.empty())
      report_missing({target.key, target.version}, "asked for", "with its dependencies");
  }

  // Tries candidates from the lowest sufficient version upwards, so that no needlessly long chain is started (R3).
  bool satisfy(const Dependency& need, const std::string& who) {
    if (const auto* held = pinned_below(need)) {
      report_missing(
          need, fmt::format("needed by {}", who), fmt::format("but the device is held at version {}", held->version));
      return false;
    }
    std::optional<std::vector<Missing>> why_not;
    for (const auto* candidate : library_.candidates(inventory_.platform, need.key, need.version)) {
      if (!usable(*candidate) || is_in_progress(*candidate)) continue;
      const Device device_before = device_;
      const auto order_before = order_;
      const auto steps_before = steps_.size();
      const auto missing_before = missing_.size();
      if (add_with_dependencies(*candidate, fmt::format("{} needs {}", who, module_title(need.key, need.version))))
        return true;
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

  // Appends the module behind everything it depends on. False, with missing_ extended, when something is not to be had.
  bool add_with_dependencies(const LibraryModule& module, const std::string& reason) {
    if (++expansion_count_ > expansion_limit) return false;
    in_progress_.push_back(&module);
    bool complete = true;
    const auto members = module.members();
    for (const auto& member : members)
      for (std::size_t i = 0; i < member.dependencies.size(); ++i)
        if (checked_on_receipt(member, i) && !provided_by_same_file(module, member, member.dependencies[i]))
          complete &= require(module, member.dependencies[i]);
    for (const auto& member : members) complete = complete && downgrade_dependents_first(member, module.title());
    if (complete) install(module, reason);
    for (const auto& member : members)
      for (std::size_t i = 0; complete && i < member.dependencies.size(); ++i)
        if (!checked_on_receipt(member, i)) complete &= require(module, member.dependencies[i]);
    in_progress_.pop_back();
    return complete;
  }

  // A device checks the modules of a combined file against what is installed, not against each other; but a user part's
  // needs it does not check at all (PROTOCOL §6.6).
  static bool provided_by_same_file(const LibraryModule& file, const ModuleInfo& member, const Dependency& need) {
    return member.key.function == Function::user_part && member.key != need.key &&
        file.version_of(need.key).value_or(0) >= need.version && file.version_of(need.key);
  }

  bool require(const LibraryModule& module, const Dependency& need) {
    if (!is_plannable(need.key.function) || meets(device_, need)) return true;
    return satisfy(need, module.title());
  }

  // A device refuses a system part that would leave another installed system part without what it needs, so a
  // downgrade starts with the dependents (R8).
  bool downgrade_dependents_first(const ModuleInfo& module, const std::string& title) {
    if (module.key.function != Function::system_part) return true;
    for (const auto& [key, slot] : Device(device_)) {
      if (key == module.key || key.function != Function::system_part) continue;
      for (const auto& need : slot.dependencies) {
        if (need.key != module.key || need.version <= module.version) continue;
        const auto* target = target_for(key);
        if (target != nullptr && target->version < slot.version) plan_target(*target);
        for (const auto& now : device_[key].dependencies)
          if (now.key == module.key && now.version > module.version) {
            report_missing({key, 0}, fmt::format("{} would break", title),
                fmt::format("which needs {}", module_title(now.key, now.version)));
            return false;
          }
      }
    }
    return true;
  }

  void install(const LibraryModule& module, const std::string& reason) {
    const auto found = device_.find(module.key);
    std::optional<std::uint16_t> from;
    if (found != device_.end()) from = found->second.version;
    for (const auto& member : module.members()) {
      if (!device_.contains(member.key)) order_.push_back(member.key);
      device_[member.key] = Slot{member.version, member.dependencies, member.suffix_sha256};
    }
    steps_.push_back(Step{module, from, reason});
  }

  bool usable(const LibraryModule& module) const {
    if (inventory_.max_binary != 0 && module.size > inventory_.max_binary) return false;
    constexpr auto special = firmware::flag::compressed | firmware::flag::combined;
    if ((module.flags & special) != 0 && !inventory_.accepts_compressed) return false;
    return true;
  }
  // Of a file that is there and is of no use for this device; empty when there is none.
  std::string why_unusable(const Dependency& need) const {
    for (const auto* candidate : library_.candidates(inventory_.platform, need.key, need.version)) {
      if (usable(*candidate)) continue;
      if (inventory_.max_binary != 0 && candidate->size > inventory_.max_binary)
        return fmt::format("and the file that is there has {} bytes: this device takes {} at most", candidate->size,
            inventory_.max_binary);
      return "and the file that is there is compressed or combined, which this device does not take";
    }
    return {};
  }
  bool is_in_progress(const LibraryModule& module) const {
    return std::find(in_progress_.begin(), in_progress_.end(), &module) != in_progress_.end();
  }
  const Target* target_for(ModuleKey key) const {
    const auto found =
        std::find_if(targets_.targets.begin(), targets_.targets.end(), [key](const Target& g) { return g.key == key; });
    return found == targets_.targets.end() ? nullptr : &*found;
  }
  const Target* pinned_below(const Dependency& need) const {
    const auto* target = target_for(need.key);
    return target != nullptr && target->version < need.version ? target : nullptr;
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

  // Far beyond any real library; a tangle of contrived files must end too.
  static constexpr int expansion_limit = 2'000;

  const firmware::Inventory& inventory_;
  const firmware::Library& library_;
  const Targets& targets_;
  Device device_;
  std::vector<ModuleKey> order_;  // of device_, as the device lists its modules
  std::vector<Step> steps_;
  std::vector<Missing> missing_;
  std::vector<std::string> notes_;
  std::vector<const LibraryModule*> in_progress_;
  int expansion_count_ = 0;
};

}  // namespace

Plan plan(const firmware::Inventory& installed, const firmware::Library& library, const Targets& targets) {
  return Planner(installed, library, targets).run();
}

std::string missing_words(const Plan& plan) {
  constexpr std::size_t told = 3;
  std::string words = "missing in the library: ";
  for (std::size_t i = 0; i < plan.missing.size() && i < told; ++i)
    words += (i == 0 ? "" : "; ") + plan.missing[i].words;
  const auto more = plan.missing_more + plan.missing.size() - std::min(plan.missing.size(), told);
  return more == 0 ? words : words + fmt::format(" and {} more", more);
}

std::vector<Target> targets_of(const LibraryModule& file) {
  std::vector<Target> targets;
  for (const auto& member : file.members()) targets.push_back({member.key, member.version, file.sha256});
  return targets;
}

std::vector<Dependency> unmet_dependencies(const firmware::Inventory& installed) {
  std::vector<Dependency> needs;
  for (const auto* module : installed.effective())
    for (const auto& need : module->dependencies) {
      const auto* have = installed.find(need.key);
      if (!is_plannable(need.key.function) || (have != nullptr && have->version >= need.version)) continue;
      if (std::find(needs.begin(), needs.end(), need) == needs.end()) needs.push_back(need);
    }
  return needs;
}

}  // namespace drydock::planning
