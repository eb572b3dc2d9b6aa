#include "planning/plan.hpp"

#include "base/limits.hpp"
#include "firmware/releases.hpp"
#include "planning/dependency_resolver.hpp"
#include "planning/known_releases.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <set>

namespace drydock::planning {
namespace {

using firmware::Dependency;
using firmware::Function;
using firmware::Inventory;
using firmware::Library;
using firmware::LibraryModule;
using firmware::ModuleKey;

// What the device will say after these steps.
Inventory after(Inventory inventory, const std::vector<Step>& steps) {
  for (const auto& step : steps)
    for (const auto& member : step.module.members()) {
      std::erase_if(inventory.modules,
          [&](const auto& m) { return m.key == member.key && m.store == firmware::StoreLocation::main; });
      firmware::InstalledModule installed;
      installed.key = member.key;
      installed.version = member.version;
      installed.dependencies = member.dependencies;
      installed.sha256 = member.suffix_sha256;
      inventory.modules.push_back(std::move(installed));
    }
  // An older system does not speak of slots that came later.
  std::erase_if(inventory.modules, [&](const firmware::InstalledModule& module) {
    const auto system = firmware::slot_requirement(inventory.platform, module.key);
    const auto* holder = system ? inventory.find(system->key) : nullptr;
    return holder != nullptr && holder->version < system->version;
  });
  return inventory;
}

// A downgrade whose system parts hold each other fast in both versions passes a release in between, with all system
// parts of one version: this is what their release numbers promise to work together.
class Downgrade {
public:
  Downgrade(const Library& library, const Targets& targets, const Library* known_releases)
      : library_(library), targets_(targets), known_releases_(known_releases) {}

  std::optional<Plan> by_way_of_another_release(const Inventory& installed) {
    const auto versions = versions_between(installed);
    std::vector<std::pair<Inventory, std::vector<Step>>> reached{{installed, {}}};
    std::set<std::uint16_t> seen;
    for (std::size_t at = 0; at < reached.size(); ++at)
      for (const auto version : versions) {
        if (seen.contains(version)) continue;
        if (++attempts_ > attempt_limit) return std::nullopt;
        const auto [inventory, steps] = reached[at];
        auto there = resolve(inventory, library_, system_parts_at(inventory, version), {known_releases_, true});
        if (there.blocked() || there.steps.empty()) continue;
        seen.insert(version);
        for (auto& step : there.steps)
          if (step.reason.ends_with("was asked for"))
            step.reason = "on the way: the installed system parts need each other too closely to go further at once";
        auto arrived = after(inventory, there.steps);
        there.steps.insert(there.steps.begin(), steps.begin(), steps.end());
        auto onward = resolve(arrived, library_, targets_, {known_releases_, false});
        if (!onward.blocked()) {
          onward.steps.insert(onward.steps.begin(), there.steps.begin(), there.steps.end());
          return onward;
        }
        reached.emplace_back(std::move(arrived), std::move(there.steps));
      }
    return std::nullopt;
  }

private:
  // Versions of system parts from the oldest that is asked for to the newest that is installed, oldest first. On the
  // way between two releases some parts are of the older one already.
  std::vector<std::uint16_t> versions_between(const Inventory& installed) const {
    const auto key = firmware::slot_table_holder(installed.platform);
    std::uint16_t newest = 0;
    for (const auto* module : installed.effective())
      if (module->key.function == Function::system_part) newest = std::max(newest, module->version);
    std::uint16_t oldest = newest;
    for (const auto& target : targets_.targets)
      if (target.key.function == Function::system_part) oldest = std::min(oldest, target.version);
    std::set<std::uint16_t> versions;
    for (const auto* library : {&library_, known_releases_}) {
      if (library == nullptr) continue;
      for (const auto* module : library->candidates(installed.platform, key, oldest))
        if (const auto version = *module->version_of(key); version < newest) versions.insert(version);
    }
    return {versions.begin(), versions.end()};
  }

  Targets system_parts_at(const Inventory& installed, std::uint16_t version) const {
    Targets targets;
    for (const auto* module : installed.effective()) {
      if (module->key.function != Function::system_part) continue;
      for (const auto* library : {&library_, known_releases_}) {
        if (library == nullptr) continue;
        const auto candidates = library->candidates(installed.platform, module->key, version);
        if (candidates.empty() || *candidates.front()->version_of(module->key) != version) continue;
        targets.targets.push_back({module->key, version, ""});
        break;
      }
    }
    return targets;
  }

  static constexpr int attempt_limit = 200;

  const Library& library_;
  const Targets& targets_;
  const Library* known_releases_;
  int attempts_ = 0;
};

bool is_downgrade_of_several_parts(const Inventory& installed, const Targets& targets) {
  const auto modules = installed.effective();
  const auto is_system_part = [](const auto* m) { return m->key.function == Function::system_part; };
  if (std::count_if(modules.begin(), modules.end(), is_system_part) < 2) return false;
  return std::any_of(targets.targets.begin(), targets.targets.end(), [&](const Target& target) {
    const auto* now = installed.find(target.key);
    return target.key.function == Function::system_part && now != nullptr && now->version > target.version;
  });
}

Plan resolve_all(
    const Inventory& installed, const Library& library, const Targets& targets, const Library* known_releases) {
  auto direct = resolve(installed, library, targets, {known_releases, false});
  if (direct.blocked() && is_downgrade_of_several_parts(installed, targets))
    if (auto other = Downgrade(library, targets, known_releases).by_way_of_another_release(installed))
      return std::move(*other);
  return direct;
}

// Which files of public releases would open a path, in the order of their sending; empty when none would.
std::vector<Missing> files_that_would_help(const Inventory& installed, const Library& library, const Targets& targets) {
  const auto& known = known_modules(installed.platform);
  std::vector<Missing> files;
  for (const auto& step : resolve_all(installed, library, targets, &known).steps) {
    if (known.find(step.module.sha256) == nullptr) continue;
    const auto& m = step.module;
    // A file of that version is there and of no use: the resolver's own words say why.
    const auto there = library.candidates(m.platform, m.key, m.version);
    if (!there.empty() && there.front()->version_of(m.key) == m.version) return {};
    files.push_back({{m.key, m.version},
        fmt::format("{} {} version {} (Device OS {}): {}", firmware::platform_name(m.platform), m.key.name(), m.version,
            m.file_name, step.reason)});
  }
  return files;
}

// The application that will run needs its assets in the device's storage, or it is not started. They come last: a
// device keeps only those that the application it has needs.
void add_assets(Plan& plan, const Inventory& installed, const Library& library) {
  if (plan.blocked()) return;
  auto required = installed.required_assets;
  std::string who = "the application";
  for (const auto& step : plan.steps)
    for (const auto& member : step.module.members())
      if (member.key.function == Function::user_part) {
        required = step.module.required_assets;
        who = firmware::module_title(installed.platform, member.key, member.version);
      }
  for (const auto& asset : required) {
    if (std::find(installed.assets.begin(), installed.assets.end(), asset) != installed.assets.end()) continue;
    if (const auto* file = library.find_asset(installed.platform, asset))
      plan.steps.push_back({*file, std::nullopt, fmt::format("{} needs it", who)});
    else
      plan.missing.push_back({{{Function::asset, 0}, 0},
          fmt::format("{} asset '{}' (SHA-256 {}…): {} needs it", firmware::platform_name(installed.platform),
              asset.name, asset.sha256.substr(0, 12), who)});
  }
  if (plan.blocked()) plan.steps.clear();
}

void keep_bounded(Plan& plan) {
  constexpr auto limit = limits::missing_modules_per_plan;
  if (plan.notes.size() > limit) plan.notes.resize(limit);
  if (plan.missing.size() > limit) {
    plan.missing_more = plan.missing.size() - limit;
    plan.missing.resize(limit);
  }
}

Plan plan_for(const Inventory& installed, const Library& library, const Targets& targets) {
  auto result = resolve_all(installed, library, targets, nullptr);
  if (result.blocked())
    if (auto files = files_that_would_help(installed, library, targets); !files.empty())
      result.missing = std::move(files);
  add_assets(result, installed, library);
  return result;
}

// What the standing target comes to for this device, behind what was said of it alone.
Targets with_standing_target(const Inventory& installed, const Library& library, const Targets& targets) {
  Targets all{targets.targets};
  if (targets.standing)
    for (auto& target : targets_for(*targets.standing, installed, library))
      if (!targets.names(target.key)) all.targets.push_back(std::move(target));
  return all;
}

void note_what_is_newer(Plan& plan, const Inventory& installed, const StandingTarget& standing) {
  if (standing.kind != TargetKind::release || standing.downgrade) return;
  for (const auto& target : standing.modules)
    if (const auto* now = installed.find(target.key); now != nullptr && now->version > target.version)
      plan.notes.push_back(fmt::format("has {}, which is newer than in {}: only a downgrade would take it back",
          firmware::module_title(installed.platform, target.key, now->version), target_words(standing)));
}

}  // namespace

bool Targets::names(ModuleKey key) const {
  return std::any_of(targets.begin(), targets.end(), [&](const Target& target) { return target.key == key; });
}

Plan plan(const Inventory& installed, const Library& library, const Targets& targets) {
  auto result = plan_for(installed, library, with_standing_target(installed, library, targets));
  if (result.blocked() && targets.standing) {
    auto without = plan_for(installed, library, {targets.targets});
    if (!without.blocked()) {
      without.unreached =
          fmt::format("shall have {}, and the library has not all that this takes", target_words(*targets.standing));
      without.notes.push_back(
          fmt::format("shall have {} and cannot: {}", target_words(*targets.standing), missing_words(result)));
      result = std::move(without);
    }
  }
  if (targets.standing) note_what_is_newer(result, installed, *targets.standing);
  keep_bounded(result);
  return result;
}

std::string missing_words(const Plan& plan) {
  constexpr std::size_t told = 3;
  std::string words = "missing in the library: ";
  for (std::size_t i = 0; i < plan.missing.size() && i < told; ++i)
    words += (i == 0 ? "" : "; ") + plan.missing[i].words;
  const auto more = plan.missing_more + plan.missing.size() - std::min(plan.missing.size(), told);
  return more == 0 ? words : words + fmt::format(" and {} more", more);
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
