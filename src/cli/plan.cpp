#include "server/firmware_import.hpp"
#include "base/limits.hpp"
#include "server/as_json.hpp"
#include "cli/identity.hpp"
#include "cli/open_store.hpp"
#include "device/describe.hpp"
#include "firmware/files.hpp"
#include "planning/known_releases.hpp"
#include "state/module_fetch.hpp"
#include "store/modules.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::cli {
namespace {

std::string no_platform(const std::string& given) {
  return fmt::format(
      "there is no platform '{}': core, photon, p1, electron, argon, boron, xenon, asom, bsom, b5som, esomx, xsom, "
      "tracker, trackerm, p2 (or photon2), msom, or its number",
      given);
}

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

int misunderstood(const std::string& words) {
  print_error(words);
  return 2;
}

Result<firmware::Inventory> read_inventory(const PlanOptions& options) {
  const auto content = read_named(options.describe, limits::describe_file);
  if (!content) return tl::unexpected(content.error());
  const auto describe = device::parse_describe(*content);
  const auto file = options.describe.string();
  if (!describe) return failure(describe.error().kind, fmt::format("{}: {}", file, describe.error().message));
  if (!describe->system)
    return failure(
        ErrorKind::malformed, fmt::format("{} says nothing about the device's system: no modules (\"m\")", file));

  firmware::Inventory inventory;
  inventory.modules = describe->system->modules;
  if (!options.platform.empty()) {
    const auto* platform = firmware::find_platform(options.platform);
    if (!platform) return failure(ErrorKind::not_found, no_platform(options.platform));
    if (const auto told = describe->system->platform; told && *told != platform->id)
      return failure(ErrorKind::conflict,
          fmt::format("{} is of a {}: leave --platform out", file, firmware::platform_name(*told)));
    inventory.platform = platform->id;
  } else if (describe->system->platform) {
    inventory.platform = *describe->system->platform;
  } else {
    return failure(
        ErrorKind::malformed, "the Describe does not say the platform: add --platform photon, or another one");
  }
  if (inventory.modules.empty() && !firmware::is_monolithic(inventory.platform))
    return failure(ErrorKind::malformed, fmt::format("{} lists no module that can be read (\"m\")", file));
  if (const auto* platform = firmware::find_platform(inventory.platform)) inventory.max_binary = platform->max_binary;
  return inventory;
}

void print_plan(const planning::Plan& plan) {
  for (const auto& note : plan.notes) fmt::print("note: {}\n", note);
  if (plan.current()) fmt::print("Nothing to send: the device has what it needs.\n");
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const auto& s = plan.steps[i];
    fmt::print("{}. {} {}({}): {}\n", i + 1, s.module.title(),
        s.from_version ? fmt::format("over version {} ", *s.from_version) : "", s.module.file_name, s.reason);
  }
  for (const auto& m : plan.missing) fmt::print("missing: {}\n", m.words);
}

std::string neighbours(const std::vector<firmware::Release>& all, firmware::ReleaseNumber wanted) {
  const auto above = std::find_if(all.begin(), all.end(), [&](const auto& release) { return release.number > wanted; });
  if (above == all.begin()) return fmt::format("the oldest is {}", above->number.text());
  if (above == all.end()) return fmt::format("the newest is {}", all.back().number.text());
  return fmt::format("its neighbours are {} and {}", std::prev(above)->number.text(), above->number.text());
}

Result<firmware::Release> read_release(const firmware::Platform& platform, const std::string& text) {
  const auto number = firmware::parse_release_number(text);
  if (!number)
    return failure(ErrorKind::malformed,
        fmt::format(
            "'{}' is no stable release of Device OS: write one as 3.3.1; release candidates are not known", text));
  if (auto release = firmware::find_release(platform.id, *number)) return std::move(*release);
  const auto all = firmware::releases_of(platform.id);
  if (all.empty()) return failure(ErrorKind::not_found, fmt::format("no release for {} is known", platform.name));
  return failure(ErrorKind::not_found,
      fmt::format("there is no Device OS {} for {}: {}", text, platform.name, neighbours(all, *number)));
}

// The way from one release to another, over files that the library may or may not have.
int plan_releases(const Context& context, const PlanOptions& options) {
  if (options.to.empty()) return misunderstood("--to is missing: the release that the device should come to");
  if (options.platform.empty()) return misunderstood("--platform is missing: photon, boron, or another one");
  if (!options.firmware.empty() || !options.targets.empty())
    return misunderstood(
        "--firmware and --goal belong to --describe: between releases Particle's own files are planned");
  const auto* platform = firmware::find_platform(options.platform);
  if (!platform) return print_error(no_platform(options.platform));
  const auto from = read_release(*platform, options.from);
  if (!from) return print_error(from.error().message);
  const auto to = read_release(*platform, options.to);
  if (!to) return print_error(to.error().message);

  auto result = planning::plan_between(*from, *to);
  if (!from->published || !to->published)
    result.notes.push_back(fmt::format(
        "Particle lists no Device OS {} for {}", (from->published ? to : from)->number.text(), platform->name));
  if (context.json) {
    fmt::print("{}\n", server::plan_as_json(platform->id, result));
    return result.blocked() ? 1 : 0;
  }
  fmt::print("{} from Device OS {} to {}{}\n", platform->name, from->number.text(), to->number.text(),
      result.steps.empty()
          ? ""
          : fmt::format(": {} file{}, in this order", result.steps.size(), result.steps.size() == 1 ? "" : "s"));
  for (const auto& note : result.notes) fmt::print("note: {}\n", note);
  if (result.current()) fmt::print("Nothing to send: it has all that {} needs.\n", to->number.text());
  for (std::size_t i = 0; i < result.steps.size(); ++i) {
    const auto& s = result.steps[i];
    fmt::print("{}. {} of Device OS {}, version {}: {}\n", i + 1, s.module.key.name(), s.module.file_name,
        s.module.version, s.reason);
  }
  for (const auto& m : result.missing) fmt::print("no path: {}\n", m.words);
  if (result.blocked()) fmt::print("Over the air it cannot come there. By USB any release can be flashed.\n");
  return result.blocked() ? 1 : 0;
}

// Of the library's files that would be sent. What was named on the command line was read just now.
void require_files(const Context& context, planning::Plan& plan, const planning::Targets& named) {
  const firmware::ModuleFiles files(folder_of(context).firmware(), state::module_fetch(folder_of(context)));
  for (const auto& step : plan.steps) {
    const bool is_named = std::any_of(named.targets.begin(), named.targets.end(),
        [&](const planning::Target& target) { return target.sha256 == step.module.sha256; });
    if (is_named || files.load(step.module.sha256)) continue;
    plan.missing.push_back({{step.module.key, step.module.version},
        fmt::format("{} ({}): its file is not there any more, or damaged: 'drydock firmware add' it again",
            step.module.title(), step.module.file_name)});
  }
  if (plan.blocked()) plan.steps.clear();
}

}  // namespace

int plan(const Context& context, const PlanOptions& options) {
  if (!options.from.empty()) return plan_releases(context, options);
  if (options.describe.empty())
    return misunderstood("say what the device runs: --describe FILE, or --from RELEASE --to RELEASE --platform NAME");
  const auto inventory = read_inventory(options);
  if (!inventory) return print_error(inventory.error().message);

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
    if (module->platform != inventory->platform)
      return print_error(fmt::format("{} is for a {}, the device is a {}", module->file_name,
          firmware::platform_name(module->platform), firmware::platform_name(inventory->platform)));
    if (module->asset)
      return print_error(
          fmt::format("{} is an asset: it comes by itself with the application that needs it", module->file_name));
    for (auto& target : planning::targets_of(*module)) {
      for (const auto& other : targets.targets)
        if (other.key == target.key)
          return print_error(fmt::format("two --goal files are {}: a device has one", target.key.name()));
      targets.targets.push_back(std::move(target));
    }
    library.add(std::move(*module));
  }

  if (firmware::find_platform(inventory->platform) == nullptr)
    fmt::print(stderr, "note: nothing is known of platform {}: what its modules need is all that is planned by\n",
        inventory->platform);
  auto result = planning::plan(*inventory, library, targets);
  if (options.firmware.empty()) require_files(context, result, targets);
  if (context.json)
    fmt::print("{}\n", server::plan_as_json(inventory->platform, result));
  else
    print_plan(result);
  return result.blocked() ? 1 : 0;
}

}  // namespace drydock::cli
