#include "planning/known_releases.hpp"

#include <fmt/core.h>

namespace drydock::planning {
namespace {

using firmware::Function;
using firmware::Library;
using firmware::LibraryModule;

}  // namespace

// Every release's modules, as if their files were there. Made once for a fleet of one platform.
const Library& known_modules(std::uint16_t platform) {
  thread_local std::optional<std::uint16_t> made_for;
  thread_local Library library;
  if (made_for == platform) return library;
  library = {};
  made_for = platform;
  for (const auto& release : firmware::releases_of(platform))
    for (const auto& module : release.modules) {
      LibraryModule known;
      known.platform = platform;
      known.key = module.key;
      known.version = module.version;
      known.dependencies = module.needs();
      known.file_name = release.number.text();
      known.sha256 = fmt::format("{}/{}/{}", static_cast<int>(module.key.function), module.key.index, module.version);
      // The same module of several releases is named by the first of them.
      if (library.find(known.sha256) == nullptr) library.add(std::move(known));
    }
  return library;
}

Plan plan_between(const firmware::Release& from, const firmware::Release& to) {
  firmware::Inventory installed;
  installed.platform = from.platform;
  for (const auto& module : from.modules) {
    firmware::InstalledModule there;
    there.key = module.key;
    there.version = module.version;
    there.dependencies = module.needs();
    installed.modules.push_back(std::move(there));
  }
  // Before 0.7.0 every image of a Core says version 0.
  if (firmware::is_monolithic(from.platform) && to.system_version == 0) {
    Plan image;
    if (from.number == to.number) return image;
    for (const auto& module : to.modules) {
      if (module.key.function != Function::monolithic) continue;
      LibraryModule file;
      file.platform = to.platform;
      file.key = module.key;
      file.file_name = to.number.text();
      image.steps.push_back({std::move(file), from.system_version,
          "was asked for; images before 0.7.0 say no version: choose the file with 'drydock devices target'"});
    }
    return image;
  }
  Targets targets;
  for (const auto& module : to.modules)
    if (module.key.function == Function::system_part || module.key.function == Function::monolithic)
      targets.targets.push_back({module.key, module.version, ""});
  return plan(installed, known_modules(from.platform), targets);
}

}  // namespace drydock::planning
