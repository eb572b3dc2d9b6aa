#include "appliance/stock.hpp"
#include "base/limits.hpp"
#include "appliance/as_json.hpp"
#include "cli/open_store.hpp"
#include "cli/table.hpp"
#include "firmware/files.hpp"
#include "store/modules.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::cli {
namespace {

using std::filesystem::path;

// Folders stand for the .bin files in them.
std::vector<path> expand(const std::vector<path>& files) {
  std::vector<path> expanded;
  for (const auto& file : files) {
    if (!std::filesystem::is_directory(file)) {
      expanded.push_back(file);
      continue;
    }
    const auto first = expanded.size();
    for (const auto& entry : std::filesystem::directory_iterator(file))
      if (entry.path().extension() == ".bin") expanded.push_back(entry.path());
    std::sort(expanded.begin() + static_cast<std::ptrdiff_t>(first), expanded.end());
  }
  return expanded;
}

std::string needs_of(const std::vector<firmware::Dependency>& dependencies) {
  std::string words;
  for (const auto& d : dependencies) words += fmt::format("{}{} {}", words.empty() ? "" : ", ", d.key.name(), d.version);
  return words.empty() ? "–" : words;
}

}  // namespace

int firmware_add(const Context& context, const std::vector<path>& files) {
  auto db = open_to_write(context);
  const auto folder = folder_of(context);
  int refused = 0;
  for (const auto& file : expand(files)) {
    const auto content = firmware::read_file(file, limits::module_file);
    const auto appraised = content ? appliance::appraise(*content, file.filename().string()) : Result<appliance::Appraised>(tl::unexpected(content.error()));
    if (!appraised) {
      ++refused;
      complain(appraised.error().message);
      continue;
    }
    const auto added = appliance::add_to_stock(db, folder, *appraised);
    if (!added) return complain(added.error().message);
    const auto& m = appraised->module;
    fmt::print("{}: {} {}{}\n", m.file_name, firmware::platform_name(m.platform), m.title(), *added == appliance::Added::known_already ? " (was there already)" : "");
  }
  folder.touch_changed();
  return refused == 0 ? 0 : 1;
}

int firmware_list(const Context& context) {
  auto db = open_to_read(context);
  const auto catalogue = store::load_catalogue(db);
  if (context.json) {
    fmt::print("{}\n", appliance::catalogue_as_json(catalogue));
    return 0;
  }
  if (catalogue.size() == 0) {
    fmt::print("The catalogue is empty. 'drydock firmware add FILE...' fills it.\n");
    return 0;
  }
  std::vector<std::vector<std::string>> rows{{"PLATFORM", "MODULE", "VERSION", "NEEDS", "SIZE", "SHA-256", "FILE"}};
  for (const auto* m : catalogue.all())
    rows.push_back({firmware::platform_name(m->platform), m->key.name(), std::to_string(m->version), needs_of(m->dependencies), std::to_string(m->size), m->sha256.substr(0, 12), m->file_name});
  fmt::print("{}", table(rows));
  return 0;
}

int firmware_inspect(const Context& context, const std::vector<path>& files) {
  std::vector<appliance::Inspected> inspected;
  for (const auto& file : expand(files)) {
    appliance::Inspected found{file.string(), std::nullopt, ""};
    const auto content = firmware::read_file(file, limits::module_file);
    auto module = content ? firmware::parse_module(*content) : Result<firmware::Module>(tl::unexpected(content.error()));
    if (module) {
      if (const auto checked = firmware::check(*module); !checked) found.verdict = checked.error().message;
      found.module = std::move(*module);
    } else {
      found.verdict = module.error().message;
    }
    inspected.push_back(std::move(found));
  }
  const bool all_good = std::all_of(inspected.begin(), inspected.end(), [](const appliance::Inspected& f) { return f.verdict.empty(); });
  if (context.json) {
    fmt::print("{}\n", appliance::inspected_as_json(inspected));
    return all_good ? 0 : 1;
  }
  for (const auto& f : inspected) {
    fmt::print("{}\n", log::printable(f.file));
    if (f.module) {
      const auto& p = f.module->prefix;
      fmt::print("  {} {} version {}\n  needs {}\n", firmware::platform_name(p.platform), p.key.name(), p.version, needs_of(f.module->dependencies()));
      fmt::print("  {} bytes for {:#010x}–{:#010x}, CRC {}, SHA-256 {}\n", p.module_size(), p.start_address, p.end_address, f.module->crc_ok() ? "right" : "WRONG", f.module->sha256_ok ? "right" : "not right (only a name)");
      if (f.module->padding) fmt::print("  {} bytes of padding behind it\n", f.module->padding);
    }
    fmt::print("  {}\n", f.verdict.empty() ? "may be added" : "would be refused: " + f.verdict);
  }
  return all_good ? 0 : 1;
}

int firmware_remove(const Context& context, const std::vector<std::string>& names) {
  auto db = open_to_write(context);
  const auto folder = folder_of(context);
  for (const auto& name : names) {
    const auto module = appliance::find_in_stock(db, name);
    if (!module) return complain(module.error().message);
    if (const auto removed = appliance::remove_from_stock(db, folder, *module); !removed) return complain(removed.error().message);
    folder.touch_changed();
    fmt::print("{} ({}) was removed\n", module->file_name, module->title());
  }
  return 0;
}

}  // namespace drydock::cli
