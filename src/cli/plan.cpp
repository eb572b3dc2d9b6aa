#include "server/firmware_import.hpp"
#include "base/limits.hpp"
#include "server/as_json.hpp"
#include "cli/identity.hpp"
#include "cli/open_store.hpp"
#include "device/describe.hpp"
#include "firmware/files.hpp"
#include "store/modules.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::cli {
namespace {

using std::filesystem::path;

Result<firmware::LibraryModule> read_module(const path& file) {
  const auto content = read_named(file, limits::module_file);
  if (!content) return tl::unexpected(content.error());
  auto validated = server::validate_module(*content, file.filename().string());
  if (!validated) return tl::unexpected(validated.error());
  return std::move(validated->module);
}

firmware::Library read_catalogue(const std::vector<path>& places) {
  firmware::Library library;
  const auto take = [&](const path& file) {
    auto module = read_module(file);
    if (module)
      library.add(std::move(*module));
    else
      print_error(module.error().message + " (left out)");
  };
  for (const auto& place : places) {
    if (!std::filesystem::is_directory(place)) {
      take(place);
      continue;
    }
    std::vector<path> inside;
    {
      const AsCaller caller;
      for (const auto& entry : std::filesystem::directory_iterator(place))
        if (entry.path().extension() == ".bin") inside.push_back(entry.path());
    }
    for (const auto& file : inside) take(file);
  }
  return library;
}

}  // namespace

int plan(const Context& context, const PlanOptions& options) {
  const auto content = read_named(options.describe, limits::describe_file);
  if (!content) return print_error(content.error().message);
  const auto describe = device::parse_describe(*content);
  if (!describe) return print_error(fmt::format("{}: {}", options.describe.string(), describe.error().message));
  if (!describe->system)
    return print_error(
        fmt::format("{} says nothing about the device's system: no modules (\"m\")", options.describe.string()));

  firmware::Inventory inventory;
  inventory.modules = describe->system->modules;
  if (!options.platform.empty()) {
    const auto* platform = firmware::find_platform(options.platform);
    if (!platform) return print_error(fmt::format("there is no platform '{}'", options.platform));
    inventory.platform = platform->id;
  } else if (describe->system->platform) {
    inventory.platform = *describe->system->platform;
  } else {
    return print_error("the Describe does not say the platform: add --platform photon, or another one");
  }
  if (const auto* platform = firmware::find_platform(inventory.platform)) inventory.max_binary = platform->max_binary;

  firmware::Library library;
  if (options.firmware.empty()) {
    auto db = open_to_read(context);
    library = store::load_library(db);
  } else {
    library = read_catalogue(options.firmware);
  }
  planning::Targets targets;
  for (const auto& file : options.targets) {
    auto module = read_module(file);
    if (!module) return print_error(module.error().message);
    if (module->platform != inventory.platform)
      return print_error(fmt::format("{} is for a {}, the device is a {}", module->file_name,
          firmware::platform_name(module->platform), firmware::platform_name(inventory.platform)));
    for (auto& target : planning::targets_of(*module)) targets.targets.push_back(std::move(target));
    library.add(std::move(*module));
  }

  const auto result = planning::plan(inventory, library, targets);
  if (context.json) {
    fmt::print("{}\n", server::plan_as_json(inventory.platform, result));
    return result.blocked() ? 1 : 0;
  }
  for (const auto& note : result.notes) fmt::print("note: {}\n", note);
  if (result.current()) fmt::print("Nothing to send: the device has what it needs.\n");
  for (std::size_t i = 0; i < result.steps.size(); ++i) {
    const auto& s = result.steps[i];
    fmt::print("{}. {} {}({}): {}\n", i + 1, s.module.title(),
        s.from_version ? fmt::format("over version {} ", *s.from_version) : "", s.module.file_name, s.reason);
  }
  for (const auto& m : result.missing) fmt::print("missing: {}\n", m.words);
  return result.blocked() ? 1 : 0;
}

}  // namespace drydock::cli
