#include "appliance/stock.hpp"
#include "base/limits.hpp"
#include "appliance/as_json.hpp"
#include "cli/identity.hpp"
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
  const AsCaller caller;
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
    const auto content = read_named(file, limits::module_file);
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
    rows.push_back({firmware::platform_name(m->platform), m->key.name(), std::to_string(m->version) + (m->companion ? " +" : ""), needs_of(m->dependencies), std::to_string(m->size), m->sha256.substr(0, 12), m->file_name});
  fmt::print("{}", table(rows));
  return 0;
}

void print_member(const firmware::Member& member) {
  const auto& m = member.module;
  const auto& p = m.prefix;
  fmt::print("  {} {} version {}\n  needs {}\n", firmware::platform_name(p.platform), p.key.name(), p.version, needs_of(m.dependencies()));
  fmt::print("  {} bytes for {:#010x}–{:#010x}, CRC {}, SHA-256 {}\n", p.module_size(), p.start_address, p.end_address, m.crc_ok() ? "right" : "WRONG", m.sha256_ok ? "right" : "not right (only a name)");
  if (member.original) fmt::print("  compressed: the device unpacks it to {} bytes\n", member.original->prefix.module_size());
  if (p.flags & firmware::flag::combined) fmt::print("  combined with:\n");
  else if (m.padding) fmt::print("  {} bytes of padding behind it\n", m.padding);
}

int firmware_inspect(const Context& context, const std::vector<path>& files) {
  std::vector<appliance::Inspected> inspected;
  for (const auto& file : expand(files)) {
    appliance::Inspected found{file.string(), std::nullopt, ""};
    const auto content = read_named(file, limits::module_file);
    auto read = content ? firmware::read_module_file(*content) : Result<firmware::ModuleFile>(tl::unexpected(content.error()));
    if (read) {
      if (const auto checked = firmware::check(*read); !checked) found.verdict = checked.error().message;
      found.content = std::move(*read);
    } else {
      found.verdict = read.error().message;
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
    for (const auto& member : f.content ? f.content->members : std::vector<firmware::Member>()) print_member(member);
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
