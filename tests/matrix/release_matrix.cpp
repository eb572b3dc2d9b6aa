#include "matrix/release_matrix.hpp"

#include "device/describe.hpp"
#include "server/firmware_import.hpp"

#include <stdexcept>

namespace drydock::testing {

using device_os::Reception;

ReleaseFiles::ReleaseFiles(std::uint16_t platform_id) : platform(platform_id) {
  for (const auto* release : device_os::releases_of(platform))
    for (const auto& module : release->modules) {
      auto file = device_os::make_file(platform, module);
      auto validated = server::validate_module(file, release->number + ".bin");
      if (!validated) throw std::logic_error(validated.error().message);
      const auto sha256 = validated->module.sha256;
      library.add(std::move(validated->module));
      files.emplace(sha256, std::move(file));
      by_sha256.emplace(sha256, module);
    }
}

const firmware::LibraryModule& ReleaseFiles::entry(const device_os::Module& module) const {
  return *library.find(to_hex(crypto::sha256(device_os::make_file(platform, module))));
}

planning::Targets targets_for(const ReleaseFiles& files, const device_os::Release& from, const device_os::Release& to) {
  planning::Targets targets;
  const bool downgrade = to.system_version < from.system_version;
  for (const auto& module : to.modules) {
    const auto function = static_cast<firmware::Function>(module.slot.first);
    if (function != firmware::Function::user_part && !(downgrade && function == firmware::Function::system_part))
      continue;
    for (auto& target : planning::targets_of(files.entry(module))) targets.targets.push_back(std::move(target));
  }
  return targets;
}

firmware::Inventory described(const virtual_device::Flash& flash, std::uint16_t platform, bool protobuf) {
  const auto bytes = protobuf ? flash.describe_protobuf() : Bytes();
  const auto text = flash.describe_json(false);
  const auto describe = protobuf ? device::parse_describe(bytes) : device::parse_describe(view_of(text));
  firmware::Inventory inventory;
  inventory.platform = platform;
  inventory.modules = describe.value().system.value().modules;
  return inventory;
}

Path follow(const ReleaseFiles& files, const device_os::Release& from, const device_os::Release& to) {
  constexpr std::size_t longest = 40;
  const auto targets = targets_for(files, from, to);
  auto state = device_os::factory_state(from);
  auto flash = device_os::make_flash(files.platform, state);
  Path path;
  while (path.steps.size() < longest) {
    const auto* release = device_os::running(files.platform, state);
    const auto plan =
        planning::plan(described(flash, files.platform, release->protobuf_describe), files.library, targets);
    if (plan.blocked()) {
      path.why_not = planning::missing_words(plan);
      if (!path.steps.empty()) path.fault = "begun, and blocked on the way";
      return path;
    }
    if (plan.current()) {
      path.arrived = true;
      return path;
    }
    const auto& step = plan.steps.front().module;
    const auto& module = files.by_sha256.at(step.sha256);
    path.steps.push_back(step.title());
    if (const auto reception = device_os::receive(files.platform, state, module); reception != Reception::accepted)
      path.fault = step.title() + (reception == Reception::refused ? " is refused" : " is in no slot that is known");
    else if (const auto error = flash.check_image(files.file(step.sha256)))
      path.fault = step.title() + " is refused by the virtual device with " + std::to_string(error);
    if (!path.fault.empty()) return path;
    state[module.slot] = module;
    flash.put(files.file(step.sha256));
    if (const auto why = device_os::why_dead(files.platform, state); !why.empty()) {
      path.fault = "dead after " + step.title() + ": " + why;
      return path;
    }
  }
  path.fault = "without an end";
  return path;
}

}  // namespace drydock::testing
