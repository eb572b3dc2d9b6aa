#include "server/firmware_import.hpp"
#include "base/limits.hpp"
#include "server/as_json.hpp"
#include "cli/identity.hpp"
#include "cli/module_files.hpp"
#include "cli/open_store.hpp"
#include "cli/table.hpp"
#include "firmware/releases.hpp"
#include "firmware/files.hpp"
#include "store/modules.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace drydock::cli {
namespace {

using std::filesystem::path;

std::string needs_of(const std::vector<firmware::Dependency>& dependencies) {
  std::string words;
  for (const auto& d : dependencies)
    words += fmt::format("{}{} version {}", words.empty() ? "" : ", ", d.key.name(), d.version);
  return words.empty() ? "–" : words;
}

// A file that says to be the same module as another one is a mistake, or somebody's trick: applications aside.
void tell_of_others(const firmware::Library& library, const firmware::LibraryModule& added) {
  if (added.unlike_release)
    fmt::print("  note: Particle's own {} needs something else; this is another\n", added.title());
  if (added.key.function == firmware::Function::user_part || added.asset) return;
  for (const auto* other : library.candidates(added.platform, added.key, added.version))
    if (other->version_of(added.key) == added.version && other->sha256 != added.sha256)
      fmt::print("{}\n",
          log::printable(fmt::format("  note: {} ({}) is the same version of the same module and another file: "
                                     "'drydock firmware remove' takes the wrong one away",
              other->file_name, other->sha256.substr(0, 12))));
}

void print_totals(
    std::size_t added, std::size_t there_already, std::size_t refused, const std::vector<std::string>& passed_over) {
  constexpr std::size_t most_named = 5;
  std::string words = fmt::format("{} added", added);
  if (there_already > 0) words += fmt::format(", {} there already", there_already);
  if (refused > 0) words += fmt::format(", {} refused", refused);
  if (!passed_over.empty()) {
    const auto named = std::min(most_named, passed_over.size());
    words += fmt::format(", {} passed over, since only .bin files are firmware: {}", passed_over.size(),
        fmt::join(passed_over.begin(), passed_over.begin() + static_cast<std::ptrdiff_t>(named), ", "));
    if (passed_over.size() > named) words += ", …";
  }
  fmt::print("{}.\n", log::printable(words));
}

}  // namespace

Result<std::vector<firmware::LibraryModule>> add_files(
    const Context& context, store::Database& db, const std::vector<path>& given) {
  const auto [files, passed_over] = read_module_files(given);
  if (files.empty()) return failure(ErrorKind::not_found, "there is no .bin file in there");
  const auto folder = folder_of(context);
  auto library = store::load_library(db);
  std::vector<firmware::LibraryModule> modules;
  std::size_t refused = 0, there_already = 0;
  for (const auto& file : files) {
    const auto validated = file.content ? server::validate_module(*file.content, file.name)
                                        : Result<server::ValidatedModule>(tl::unexpected(file.content.error()));
    if (!validated) {
      ++refused;
      print_error(validated.error().message);
      continue;
    }
    const auto added = server::add_to_library(db, folder, *validated);
    if (!added) return tl::unexpected(added.error());
    const auto& m = validated->module;
    const auto already = *added == server::Added::repaired ? " (was there already, and its file is whole again now)"
        : *added == server::Added::already_present         ? " (was there already)"
                                                           : "";
    if (!context.json) {
      fmt::print("{}\n",
          log::printable(
              fmt::format("{}: {} {}{}", m.file_name, firmware::platform_name(m.platform), m.title(), already)));
      tell_of_others(library, m);
    }
    there_already += *added == server::Added::already_present;
    library.add(m);
    modules.push_back(m);
  }
  folder.touch_changed();
  if (!context.json && (files.size() > 1 || !passed_over.empty()))
    print_totals(modules.size() - there_already, there_already, refused, passed_over);
  if (refused > 0) return failure(ErrorKind::malformed, "not every file could be added");
  return modules;
}

int firmware_add(const Context& context, const std::vector<path>& given) {
  auto db = open_to_write(context);
  const auto added = add_files(context, db, given);
  if (added) return 0;
  // Each file that was refused has had its line.
  return added.error().kind == ErrorKind::malformed ? 1 : print_error(added.error().message);
}

int firmware_list(const Context& context) {
  auto db = open_to_read(context);
  const auto library = store::load_library(db);
  if (context.json) {
    fmt::print("{}\n", server::library_as_json(library));
    return 0;
  }
  if (library.size() == 0) {
    fmt::print("The library is empty. 'drydock firmware add FILE...' fills it.\n");
    return 0;
  }
  std::vector<std::vector<std::string>> rows{{"PLATFORM", "MODULE", "VERSION", "NEEDS", "SIZE", "SHA-256", "FILE"}};
  for (const auto* m : library.all())
    rows.push_back({firmware::platform_name(m->platform), m->asset ? m->title() : m->key.name(),
        firmware::version_text(m->platform, m->key, m->version) + (m->second_module ? " +" : ""),
        needs_of(m->dependencies), std::to_string(m->size), m->sha256.substr(0, 12), m->file_name});
  fmt::print("{}", table(rows));
  return 0;
}

void print_member(const firmware::Member& entry) {
  const auto& m = entry.module;
  const auto& p = m.prefix;
  fmt::print("  {} {} version {}\n  needs {}\n", firmware::platform_name(p.platform), p.key.name(), p.version,
      needs_of(m.dependencies()));
  if (const auto asset = firmware::asset_in(m)) fmt::print("  named '{}'\n", log::printable(asset->name));
  fmt::print("  {} bytes for {:#010x}–{:#010x}, CRC {}, SHA-256 {}\n", p.module_size(), p.start_address, p.end_address,
      m.crc_ok() ? "right" : "WRONG", m.sha256_ok ? "right" : "not right (only a name)");
  if (entry.original)
    fmt::print("  compressed: the device unpacks it to {} bytes\n", entry.original->prefix.module_size());
  if (p.flags & firmware::flag::combined)
    fmt::print("  combined with:\n");
  else if (m.padding)
    fmt::print("  {} bytes of padding behind it\n", m.padding);
}

int firmware_inspect(const Context& context, const std::vector<path>& files) {
  std::vector<server::Inspected> inspected;
  for (const auto& file : expand(files).files) {
    server::Inspected found{file.string(), std::nullopt, ""};
    const auto content = read_named(file, limits::module_file);
    auto read =
        content ? firmware::read_module_file(*content) : Result<firmware::ModuleFile>(tl::unexpected(content.error()));
    if (read) {
      if (const auto checked = firmware::check(*read); !checked) found.verdict = checked.error().message;
      found.content = std::move(*read);
    } else {
      found.verdict = read.error().message;
    }
    inspected.push_back(std::move(found));
  }
  if (inspected.empty()) return print_error("there is no .bin file in there");
  const bool all_good =
      std::all_of(inspected.begin(), inspected.end(), [](const server::Inspected& f) { return f.verdict.empty(); });
  if (context.json) {
    fmt::print("{}\n", server::inspected_as_json(inspected));
    return all_good ? 0 : 1;
  }
  for (const auto& f : inspected) {
    fmt::print("{}\n", log::printable(f.file));
    for (const auto& entry : f.content ? f.content->members : std::vector<firmware::Member>()) print_member(entry);
    fmt::print("  {}\n", f.verdict.empty() ? "may be added" : "would be refused: " + f.verdict);
  }
  return all_good ? 0 : 1;
}

int firmware_remove(const Context& context, const std::vector<std::string>& names) {
  auto db = open_to_write(context);
  const auto folder = folder_of(context);
  for (const auto& name : names) {
    const auto module = server::find_in_library(db, name);
    if (!module) return print_error(module.error().message);
    if (const auto removed = server::remove_from_library(db, folder, *module); !removed)
      return print_error(removed.error().message);
    folder.touch_changed();
    fmt::print("{} ({}) was removed\n", module->file_name, module->title());
  }
  return 0;
}

}  // namespace drydock::cli
