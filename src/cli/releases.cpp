#include "base/clock.hpp"
#include "base/log.hpp"
#include "cli/module_files.hpp"
#include "cli/open_store.hpp"
#include "server/state_words.hpp"
#include "cli/table.hpp"
#include "firmware/platforms.hpp"
#include "firmware/releases.hpp"
#include "server/releases.hpp"
#include "server/rollouts_json.hpp"

#include <fmt/core.h>

namespace drydock::cli {
namespace {

std::string file_words(const firmware::LibraryModule& module) {
  return fmt::format("{} {}", firmware::platform_name(module.platform), module.title());
}

// A file of no product names its platform.
std::string product_words(const firmware::LibraryModule& module) {
  if (!module.product_id || *module.product_id == module.platform || *module.product_id == 0xffff) return "–";
  return fmt::format("{} version {}", *module.product_id, module.product_version.value_or(0));
}

void print_release(const store::ReleaseRow& release) {
  fmt::print("{}, made {}{}{}\n", log::printable(release.name), local_time(release.created),
      release.notes.empty() ? "" : ": ", log::printable(release.notes));
  std::vector<std::vector<std::string>> lines{{"PLATFORM", "MODULE", "VERSION", "PRODUCT", "BYTES", "FILE"}};
  for (const auto& module : release.modules)
    lines.push_back({firmware::platform_name(module.platform), module.asset ? module.title() : module.key.name(),
        module.asset ? "–" : firmware::version_text(module.platform, module.key, module.version), product_words(module),
        std::to_string(module.size), log::printable(module.file_name)});
  fmt::print("{}", table(lines));
  for (const auto& need : server::needs_of(release))
    fmt::print("Devices must have what is not in it: {}\n", log::printable(need));
  if (release.missing != 0) fmt::print("{} of its files are not in the library any more\n", release.missing);
}

}  // namespace

int releases_create(const Context& context, const NewRelease& release) {
  if (release.files.empty() && release.from.empty())
    return print_error("say which files: those of the library by name, others by --from");
  auto db = open_to_write(context);
  auto files = release.files;
  if (!release.from.empty()) {
    const auto added = add_files(context, db, release.from);
    if (!added) return print_error(added.error().message);
    for (const auto& module : *added) files.push_back(module.sha256);
  }
  std::optional<store::ReleaseRow> made;
  const auto created = db.transact([&](store::Database& open) -> Result<void> {
    auto row = server::create_release(open, release.name, files, release.notes, utc_milliseconds());
    if (!row) return tl::unexpected(row.error());
    made = std::move(*row);
    return {};
  });
  if (!created) return print_error(created.error().message);
  if (context.json)
    fmt::print("{}\n", server::release_as_json(*made));
  else
    print_release(*made);
  return 0;
}

int releases_list(const Context& context) {
  auto db = open_to_read(context);
  const auto releases = store::load_releases(db);
  if (context.json) {
    fmt::print("{}\n", server::releases_as_json(releases));
    return 0;
  }
  if (releases.empty()) {
    fmt::print("There is no release. 'drydock releases create NAME FILE…' makes one from files of the library.\n");
    return 0;
  }
  std::vector<std::vector<std::string>> lines{{"RELEASE", "MADE", "FILES", "NOTES"}};
  for (const auto& release : releases) {
    std::string files;
    for (const auto& module : release.modules) files += (files.empty() ? "" : ", ") + file_words(module);
    lines.push_back({log::printable(release.name), local_time(release.created), files, log::printable(release.notes)});
  }
  fmt::print("{}", table(lines));
  return 0;
}

int releases_show(const Context& context, const std::string& name) {
  auto db = open_to_read(context);
  const auto release = store::load_release(db, name);
  if (!release) return print_error(fmt::format("no release '{}': see 'drydock releases list'", name));
  if (context.json)
    fmt::print("{}\n", server::release_as_json(*release));
  else
    print_release(*release);
  return 0;
}

int releases_remove(const Context& context, const std::string& name) {
  auto db = open_to_write(context);
  const auto removed =
      db.transact([&](store::Database& open) -> Result<void> { return server::remove_release(open, name); });
  if (!removed) return print_error(removed.error().message);
  fmt::print("Release {} is removed; its files stay in the library\n", name);
  return 0;
}

}  // namespace drydock::cli
