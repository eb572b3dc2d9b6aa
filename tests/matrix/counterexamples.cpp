#include "matrix/counterexamples.hpp"

#include "planning/plan.hpp"
#include "support/device_os.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <random>

namespace drydock::testing {
namespace {

using device_os::Module;
using device_os::Reception;
using device_os::Release;
using device_os::State;

struct Random {
  std::mt19937_64 engine;
  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(engine); }
  bool one_in(std::size_t n) { return below(n) == 0; }
};

firmware::ModuleKey key_of(device_os::SlotName slot) {
  return {static_cast<firmware::Function>(slot.first), slot.second};
}

std::vector<firmware::Dependency> dependencies_of(const Module& module) {
  std::vector<firmware::Dependency> list;
  for (const auto& need : module.needs) list.push_back({key_of(need.slot), need.version});
  return list;
}

std::string words(const Module& module) {
  std::string text = fmt::format("{}/{}@{}", module.slot.first, module.slot.second, module.version);
  for (const auto& need : module.needs)
    text += fmt::format(">{}/{}@{}", need.slot.first, need.slot.second, need.version);
  return text;
}

firmware::Inventory inventory_of(std::uint16_t platform, const State& state) {
  firmware::Inventory inventory;
  inventory.platform = platform;
  const auto* release = device_os::running(platform, state);
  for (const auto& [slot, module] : state) {
    if (!release->slots.contains(slot)) continue;
    firmware::InstalledModule installed;
    installed.key = key_of(slot);
    installed.version = module.version;
    installed.dependencies = dependencies_of(module);
    inventory.modules.push_back(installed);
  }
  return inventory;
}

struct Case {
  std::uint16_t platform = 0;
  State state;
  std::vector<Module> modules;  // of the library
  firmware::Library library;
  planning::Targets targets;
};

Module any_module(Random& random, const std::vector<const Release*>& releases) {
  const auto& release = *releases[random.below(releases.size())];
  return release.modules[random.below(release.modules.size())];
}

// As no release has it: another version, other needs, one more, one less.
void distort(Random& random, Module& module, const std::vector<const Release*>& releases) {
  if (random.one_in(2)) module.version = any_module(random, releases).version;
  if (random.one_in(3)) module.needs.clear();
  if (random.one_in(2) && module.needs.size() < 2) {
    const auto other = any_module(random, releases);
    module.needs.push_back({other.slot, other.version});
  }
}

Case make_case(Random& random) {
  static const auto platforms = [] {
    auto all = device_os::platforms();
    std::erase(all, 0);
    return all;
  }();
  Case c;
  c.platform = platforms[random.below(platforms.size())];
  const auto releases = device_os::releases_of(c.platform);
  const auto& installed = *releases[random.below(releases.size())];
  c.state = device_os::factory_state(installed);
  for (auto changes = random.below(4); changes > 0; --changes) {
    auto changed = c.state;
    auto module = any_module(random, releases);
    if (random.one_in(8)) distort(random, module, releases);
    if (!device_os::running(c.platform, c.state)->slots.contains(module.slot)) continue;
    changed[module.slot] = module;
    if (device_os::why_dead(c.platform, changed).empty()) c.state = std::move(changed);
  }
  // What the running release does not show, nobody can take into account; a radio stack of the factory needs nothing.
  const auto& shown = device_os::running(c.platform, c.state)->slots;
  std::erase_if(c.state, [&](const auto& entry) {
    return !shown.contains(entry.first) && entry.first.first != 4 && entry.first.first != 5 &&
        !entry.second.needs.empty();
  });
  const std::size_t sparse = std::size_t{1} << random.below(6);
  for (const auto* release : releases)
    for (auto module : release->modules) {
      if (!random.one_in(sparse)) continue;
      if (random.one_in(40)) distort(random, module, releases);
      c.modules.push_back(std::move(module));
    }
  for (std::size_t i = 0; i < c.modules.size(); ++i) {
    firmware::LibraryModule entry;
    entry.sha256 = std::to_string(i);
    entry.platform = c.platform;
    entry.key = key_of(c.modules[i].slot);
    entry.version = c.modules[i].version;
    entry.dependencies = dependencies_of(c.modules[i]);
    entry.suffix_sha256 = entry.sha256;
    c.library.add(entry);
  }
  for (auto wishes = random.below(4); wishes > 0 && !c.modules.empty(); --wishes) {
    const auto& wish = c.modules[random.below(c.modules.size())];
    std::erase_if(c.targets.targets, [&](const auto& target) { return target.key == key_of(wish.slot); });
    c.targets.targets.push_back({key_of(wish.slot), wish.version, ""});
  }
  return c;
}

std::string told(const Case& c, const planning::Plan& plan, const std::string& fault) {
  std::string text = fmt::format("platform {}, installed:", c.platform);
  for (const auto& [slot, module] : c.state) text += " " + words(module);
  text += "\nasked for:";
  for (const auto& target : c.targets.targets)
    text += fmt::format(" {}/{}@{}", static_cast<int>(target.key.function), target.key.index, target.version);
  text += "\nplan:";
  for (const auto& step : plan.steps) text += " " + words(c.modules[std::stoul(step.module.sha256)]);
  return text + "\n" + fault;
}

// Empty when every step of the plan is taken by the device and leaves it alive.
std::string fault_in(const Case& c, const planning::Plan& plan) {
  auto state = c.state;
  for (const auto& step : plan.steps) {
    const auto& module = c.modules[std::stoul(step.module.sha256)];
    const auto reception = device_os::receive(c.platform, state, module);
    if (reception == Reception::undefined) return words(module) + " goes to no slot that is known there";
    if (reception == Reception::refused) return words(module) + " is refused";
    state[module.slot] = module;
    if (const auto why = device_os::why_dead(c.platform, state); !why.empty())
      return "dead after " + words(module) + ": " + why;
  }
  return {};
}

}  // namespace

SearchResult search_counterexamples(std::uint64_t seed, int count, bool plant) {
  Random random{std::mt19937_64(seed)};
  SearchResult result;
  for (; result.plans < count; ++result.plans) {
    const auto c = make_case(random);
    auto plan = planning::plan(inventory_of(c.platform, c.state), c.library, c.targets);
    if (plant)
      std::stable_partition(plan.steps.begin(), plan.steps.end(),
          [](const auto& step) { return step.module.key.function == firmware::Function::bootloader; });
    result.current += plan.current();
    result.blocked += plan.blocked();
    result.steps += static_cast<int>(plan.steps.size());
    if (const auto fault = fault_in(c, plan); !fault.empty()) {
      result.counterexample = told(c, plan, fault);
      return result;
    }
  }
  return result;
}

}  // namespace drydock::testing
