#include "planning/dependency_resolver.hpp"

#include "firmware/releases.hpp"

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

// Whether the installed module can be built on: it is there, and so is all that it needs itself. A part left over from
// another system is not (a downgrade by USB leaves an Electron's part 3 behind). Modules may need each other in a ring.
bool works(const Device& device, const Dependency& need, std::vector<ModuleKey>& asked) {
  if (!meets(device, need)) return false;
  if (std::find(asked.begin(), asked.end(), need.key) != asked.end()) return true;
  asked.push_back(need.key);
  const auto& dependencies = device.at(need.key).dependencies;
  for (std::size_t i = 0; i < dependencies.size(); ++i) {
    if (i == 1 && dependencies[i].key.function == Function::bootloader) continue;
    if (is_plannable(dependencies[i].key.function) && !works(device, dependencies[i], asked)) return false;
  }
  return true;
}
bool works(const Device& device, const Dependency& need) {
  std::vector<ModuleKey> asked;
  return works(device, need, asked);
}

class Resolver {
public:
  Resolver(const firmware::Inventory& installed, const firmware::Library& library, const Targets& targets,
      const ResolverOptions& options)
      : inventory_(installed), library_(library), targets_(targets), options_(options) {
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
    user_part_planned_ = true;
    satisfy_all_dependencies();

    Plan result;
    result.notes = std::move(notes_);
    result.missing = std::move(missing_);
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
        notes_.push_back(fmt::format(
            "{} is damaged (its CRC is wrong) and the library has no copy of it", title(module->key, module->version)));
      } else {
        add_with_dependencies(**same, fmt::format("{} on the device is damaged", title(module->key, module->version)));
      }
    }
  }

  void satisfy_all_dependencies() {
    for (bool changed = true; changed && missing_.empty();) {
      changed = false;
      for (std::size_t i = 0; i < order_.size(); ++i) {  // satisfy() may lengthen the order
        const auto key = order_[i];
        if (will_be_replaced(key)) continue;
        const auto dependencies = device_[key].dependencies;
        for (const auto& need : dependencies) {
          if (!is_plannable(need.key.function) || meets(device_, need)) continue;
          changed |= satisfy(need, title(key, device_[key].version));
        }
      }
    }
  }

  // A device runs one application: which user part is asked for, in whatever slot, makes the others' needs void.
  bool will_be_replaced(ModuleKey key) const {
    if (key.function != Function::user_part) return false;
    return options_.ignore_user_parts ||
        std::any_of(targets_.targets.begin(), targets_.targets.end(), [&](const Target& target) {
          return target.key.function == Function::user_part && (target.key != key || !user_part_planned_);
        });
  }

  bool satisfied(const Target& target, const LibraryModule* module) {
    const auto found = device_.find(target.key);
    if (found == device_.end() || found->second.version != target.version) return false;
    const bool has_application =
        target.key.function == Function::user_part || target.key.function == Function::monolithic;
    if (!has_application || module == nullptr) return true;
    // Applications of one version differ by their hash; an old device that does not report one is believed.
    const auto members = module->members();
    const auto& sha256 = found->second.sha256;
    if (sha256.empty())
      notes_.push_back(
          fmt::format("{} is the version that was asked for; the device does not say whether it is the same "
                      "application",
              title(target.key, target.version)));
    return sha256.empty() || std::any_of(members.begin(), members.end(), [&](const ModuleInfo& m) {
      return m.key == target.key && m.suffix_sha256 == sha256;
    });
  }

  void plan_target(const Target& target) {
    if (std::find(targets_in_progress_.begin(), targets_in_progress_.end(), target.key) != targets_in_progress_.end())
      return;
    targets_in_progress_.push_back(target.key);
    plan_target_now(target);
    targets_in_progress_.pop_back();
  }
  void plan_target_now(const Target& target) {
    const LibraryModule* module = nullptr;
    for (const auto* c : candidates({target.key, target.version}))
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
    std::vector<Dependency> not_to_be_had;
    bool in_a_ring = false;
    for (const auto* candidate : candidates(need)) {
      if (!usable(*candidate)) continue;
      if (passes_version_in_progress(*candidate)) {
        in_a_ring = true;
        continue;
      }
      // Another version with the same need, or a higher one, ends where the one before ended.
      if (needs_any_of(*candidate, not_to_be_had)) continue;
      const Device device_before = device_;
      const auto order_before = order_;
      const auto steps_before = steps_.size();
      const auto missing_before = missing_.size();
      if (add_with_dependencies(*candidate, fmt::format("{} needs {}", who, title(need.key, need.version))))
        return true;
      if (failed_need_) not_to_be_had.push_back(*failed_need_);
      if (!why_not) why_not.emplace(missing_.begin() + static_cast<std::ptrdiff_t>(missing_before), missing_.end());
      missing_.resize(missing_before);
      steps_.resize(steps_before);
      device_ = device_before;
      order_ = order_before;
    }
    if (why_not && !why_not->empty()) {
      for (auto& m : *why_not) add_missing(std::move(m));
    } else {
      report_missing(need, fmt::format("needed by {}", who),
          in_a_ring ? "and the file that is there needs what it would be sent for: neither can come first"
                    : why_unusable(need));
    }
    return false;
  }

  // Appends the module behind everything it depends on. False, with missing_ extended, when something is not to be had.
  bool add_with_dependencies(const LibraryModule& module, const std::string& reason) {
    if (++expansion_count_ > expansion_limit) return false;
    in_progress_.push_back(&module);
    const auto members = module.members();
    std::optional<Dependency> failed;
    for (const auto& member : members)
      if (!failed && !require_slot(module, member.key))
        failed = firmware::slot_requirement(inventory_.platform, member.key);
    // What needs another system first comes first: a bootloader sent before that would have to start an older system.
    for (const bool early : {true, false})
      for (const auto& member : members)
        for (std::size_t i = 0; i < member.dependencies.size(); ++i) {
          const auto& need = member.dependencies[i];
          // All that is missing is told of a module that is needed, not of every one that was tried for it.
          if (failed && in_progress_.size() > told_depth) break;
          if (knows_slot(need.key) != early && comes_before(member, i) &&
              !provided_by_same_file(module, member, need) && !require(module, need))
            failed = need;
        }
    bool complete = !failed;
    for (const auto& member : members) complete = complete && keep_dependents(member, module.title());
    // Making way for dependents may have taken away what was there.
    for (const auto& member : members)
      if (complete && !takes(member)) {
        complete = false;
        report_missing({member.key, member.version}, "what it needs on the device",
            "would have to be replaced first by what it does not work with");
      }
    if (complete) install(module, reason);
    for (const auto& member : members)
      for (std::size_t i = 0; complete && i < member.dependencies.size(); ++i)
        if (!comes_before(member, i)) complete &= require(module, member.dependencies[i]);
    in_progress_.pop_back();
    failed_need_ = failed;
    return complete;
  }

  // A device checks the modules of a combined file against what is installed, not against each other; but a user part's
  // needs it does not check at all (PROTOCOL §6.6).
  static bool provided_by_same_file(const LibraryModule& file, const ModuleInfo& member, const Dependency& need) {
    return member.key.function == Function::user_part && member.key != need.key &&
        file.version_of(need.key).value_or(0) >= need.version && file.version_of(need.key);
  }

  bool require(const LibraryModule& module, const Dependency& need) {
    if (!is_plannable(need.key.function) || works(device_, need)) return true;
    return satisfy(need, module.title());
  }

  // Only a system that knows a module's slot can take the module. Of the installed one's slots the device speaks
  // itself; others are known from the releases.
  bool knows_slot(ModuleKey key) const {
    const auto system = firmware::slot_requirement(inventory_.platform, key);
    if (!system || works(device_, *system)) return true;
    const auto described = [&](const firmware::InstalledModule& m) { return m.key == key; };
    const auto* now = inventory_.find(system->key);
    const auto then = device_.find(system->key);
    return now != nullptr && then != device_.end() && then->second.version >= now->version &&
        std::any_of(inventory_.modules.begin(), inventory_.modules.end(), described);
  }
  bool require_slot(const LibraryModule& module, ModuleKey key) {
    if (knows_slot(key)) return true;
    const auto missing_before = missing_.size();
    if (require(module, *firmware::slot_requirement(inventory_.platform, key))) return true;
    missing_.resize(missing_before);
    report_missing({key, *module.version_of(key)}, "the installed Device OS has no slot for it",
        "and none that has one can be sent before: update the device by USB once, or add the files of a release "
        "between");
    return false;
  }

  // What must be there before a module is sent: what the device checks (PROTOCOL §6.8), and what its next start needs.
  // A bootloader as second dependency a device does not check. On Photon, P1 and Electron it comes afterwards, as
  // Particle has it; elsewhere before: Device OS 6.1.2 moved the system part, and an older bootloader of an Argon,
  // where it is the second dependency, would not find it (device_os/SOURCES.md, "nRF system part 32 KiB longer").
  bool comes_before(const ModuleInfo& module, std::size_t position) const {
    if (module.key.function == Function::user_part) return true;  // not enforced, but the system goes first (R7)
    const bool unchecked = position == 1 && module.dependencies[position].key.function == Function::bootloader;
    return !unchecked || firmware::slot_table_holder(inventory_.platform).index == 1;
  }

  bool takes(const ModuleInfo& module) const {
    if (!knows_slot(module.key)) return false;
    for (std::size_t i = 0; i < module.dependencies.size() && module.key.function != Function::user_part; ++i) {
      const auto& need = module.dependencies[i];
      if (is_plannable(need.key.function) && comes_before(module, i) && !works(device_, need)) return false;
    }
    return true;
  }

  // No installed module may lose what it needs, so a downgrade starts with those that depend on it. A device itself
  // refuses this between system parts only (R8). A user part may lose it: then the device waits in safe mode.
  bool keep_dependents(const ModuleInfo& module, const std::string& title_of_module) {
    for (const auto& [key, slot] : Device(device_)) {
      if (key == module.key || key.function == Function::user_part) continue;
      for (const auto& need : slot.dependencies) {
        if (!would_break(need, key, module)) continue;
        const auto* target = target_for(key);
        if (target != nullptr && target->version < slot.version) plan_target(*target);
        for (const auto& now : device_[key].dependencies)
          if (would_break(now, key, module)) {
            report_missing({key, 0}, fmt::format("the one installed needs {}", title(now.key, now.version)),
                fmt::format("and would be left with {}", title_of_module));
            return false;
          }
      }
    }
    return true;
  }
  bool would_break(const Dependency& need, ModuleKey dependent, const ModuleInfo& module) const {
    if (need.key != module.key || need.version <= module.version) return false;
    return dependent.function == Function::system_part || meets(device_, need);
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

  static bool needs_any_of(const LibraryModule& module, const std::vector<Dependency>& needs) {
    return std::any_of(module.dependencies.begin(), module.dependencies.end(), [&](const Dependency& own) {
      return std::any_of(needs.begin(), needs.end(),
          [&](const Dependency& need) { return own.key == need.key && own.version >= need.version; });
    });
  }
  bool usable(const LibraryModule& module) const {
    if (inventory_.max_binary != 0 && module.size > inventory_.max_binary) return false;
    if (module.needs_later_self()) return false;
    constexpr auto special = firmware::flag::compressed | firmware::flag::combined;
    if ((module.flags & special) != 0 && !inventory_.accepts_compressed) return false;
    return true;
  }
  // Of a file that is there and is of no use for this device; empty when there is none.
  std::string why_unusable(const Dependency& need) const {
    for (const auto* candidate : candidates(need)) {
      if (usable(*candidate)) continue;
      if (inventory_.max_binary != 0 && candidate->size > inventory_.max_binary)
        return fmt::format("and the file that is there has {} bytes: this device takes {} at most", candidate->size,
            inventory_.max_binary);
      return candidate->needs_later_self()
          ? "and the file that is there needs a later version of itself: it can never be installed"
          : "and the file that is there is compressed or combined, which this device does not take";
    }
    return {};
  }
  // The library's files first, then what is only known to exist.
  std::vector<const LibraryModule*> candidates(const Dependency& need) const {
    auto list = library_.candidates(inventory_.platform, need.key, need.version);
    if (options_.known_releases != nullptr)
      for (const auto* known : options_.known_releases->candidates(inventory_.platform, need.key, need.version))
        list.push_back(known);
    return list;
  }
  std::string title(ModuleKey key, std::uint16_t version) const {
    return firmware::module_title(inventory_.platform, key, version);
  }
  // On the way to a version of a slot only lower versions of it are of use.
  bool passes_version_in_progress(const LibraryModule& module) const {
    return std::any_of(in_progress_.begin(), in_progress_.end(), [&](const LibraryModule* wanted) {
      const auto members = wanted->members();
      return std::any_of(members.begin(), members.end(), [&](const ModuleInfo& member) {
        const auto version = module.version_of(member.key);
        return version && *version >= member.version;
      });
    });
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

  static constexpr std::size_t told_depth = 2;
  // Far beyond any real library; a tangle of contrived files must end too.
  static constexpr int expansion_limit = 2'000;

  const firmware::Inventory& inventory_;
  const firmware::Library& library_;
  const Targets& targets_;
  const ResolverOptions& options_;
  Device device_;
  std::vector<ModuleKey> order_;  // of device_, as the device lists its modules
  std::vector<Step> steps_;
  std::vector<Missing> missing_;
  std::vector<std::string> notes_;
  std::vector<const LibraryModule*> in_progress_;
  std::vector<ModuleKey> targets_in_progress_;
  std::optional<Dependency> failed_need_;  // of the module that was given up last
  bool user_part_planned_ = false;
  int expansion_count_ = 0;
};

}  // namespace

bool is_plannable(Function f) {
  return f == Function::bootloader || f == Function::system_part || f == Function::user_part || f == Function::ncp ||
      f == Function::radio_stack;
}

Plan resolve(const firmware::Inventory& installed, const firmware::Library& library, const Targets& targets,
    const ResolverOptions& options) {
  return Resolver(installed, library, targets, options).run();
}

}  // namespace drydock::planning
