#include "sim/release_fleet.hpp"

#include "base/temporary_folder.hpp"
#include "server/firmware_import.hpp"

#include <algorithm>

namespace drydock::sim {
namespace {

std::size_t roll(std::mt19937& dice, std::size_t sides) {
  return dice() % sides;
}

const device_os::Release& any_release(std::uint16_t platform, std::mt19937& dice) {
  static std::map<std::uint16_t, std::vector<const device_os::Release*>> releases;
  auto& of_platform = releases[platform];
  if (of_platform.empty()) of_platform = device_os::releases_of(platform);
  return *of_platform[roll(dice, of_platform.size())];
}

device_os::State state_of(const virtual_device::Flash& flash) {
  device_os::State state;
  for (const auto& [slot, module] : flash.modules()) {
    auto& entry = state[slot];
    entry.slot = slot;
    entry.version = module.version;
    for (const auto& need : module.needs) entry.needs.push_back({{need.function, need.index}, need.version});
  }
  return state;
}

}  // namespace

ReleaseFleet::ReleaseFleet() {
  static const TemporaryFolder folder;
  files_ = std::make_unique<firmware::ModuleFiles>(folder.path());
  for (const auto& release : device_os::releases()) {
    if (release.platform == 0) continue;
    for (const auto& module : release.modules) {
      const auto validated =
          server::validate_module(device_os::make_file(release.platform, module), release.number + ".bin");
      auto& known = modules_[release.platform];
      if (std::any_of(known.begin(), known.end(), [&](const auto& m) { return m.sha256 == validated->module.sha256; }))
        continue;
      (void)files_->save(validated->module.sha256, validated->content);
      known.push_back(validated->module);
    }
  }
}

const ReleaseFleet& ReleaseFleet::shared() {
  static const ReleaseFleet fleet;
  return fleet;
}

std::uint16_t ReleaseFleet::any_platform(std::mt19937& dice) const {
  return std::next(modules_.begin(), static_cast<std::ptrdiff_t>(roll(dice, modules_.size())))->first;
}

std::vector<firmware::LibraryModule> ReleaseFleet::any_library(std::uint16_t platform, std::mt19937& dice) const {
  const auto left_out = roll(dice, 4);  // of four
  std::vector<firmware::LibraryModule> library;
  for (const auto& module : modules_.at(platform))
    if (roll(dice, 8) >= left_out) library.push_back(module);
  return library;
}

std::vector<firmware::LibraryModule> ReleaseFleet::any_target(std::uint16_t platform, std::mt19937& dice) const {
  const auto& release = any_release(platform, dice);
  std::vector<firmware::LibraryModule> targets;
  for (const auto& module : modules_.at(platform))
    if (module.key.function == firmware::Function::system_part && module.version == release.system_version)
      targets.push_back(module);
  return targets;
}

ReleaseFleet::Device ReleaseFleet::any_device(std::uint16_t platform, std::mt19937& dice) {
  const auto& release = any_release(platform, dice);
  auto state = device_os::factory_state(release);
  if (roll(dice, 3) != 0)
    for (const auto& module : any_release(platform, dice).modules)
      if (module.slot.first == 5 && release.slots.contains(module.slot)) state[module.slot] = module;
  return {device_os::make_flash(platform, state), &release};
}

virtual_device::Release ReleaseFleet::spoken_by(std::uint16_t platform, const virtual_device::Flash& flash) {
  const auto* release = device_os::running(platform, state_of(flash));
  const auto version = release == nullptr ? 0 : release->system_version;
  if (version < 300) {
    auto spoken = virtual_device::Release::v0_6();
    spoken.first_need_only = version < 200;  // 0.7.0 tells both dependencies
    return spoken;
  }
  if (version < 3000) return virtual_device::Release::v2_3();
  if (version < 5500) return virtual_device::Release::v3_3();
  return virtual_device::Release::v6_2();
}

std::string ReleaseFleet::why_dead(std::uint16_t platform, const virtual_device::Flash& flash) {
  return device_os::why_dead(platform, state_of(flash));
}

}  // namespace drydock::sim
