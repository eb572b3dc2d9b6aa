// What the shell offers when a word is begun.
#include "cli/open_store.hpp"
#include "firmware/library.hpp"
#include "store/devices.hpp"
#include "store/groups.hpp"
#include "store/modules.hpp"
#include "store/releases.hpp"

#include <fmt/core.h>
#include <set>

namespace drydock::cli {
namespace {

std::set<std::string> names_in(store::Database& db, const std::string& kind) {
  std::set<std::string> names;
  if (kind == "devices")
    for (const auto& row : store::load_devices(db)) names.insert(row.name.empty() ? row.id : row.name);
  if (kind == "ids")
    for (const auto& row : store::load_devices(db)) names.insert(row.id);
  if (kind == "files") {
    const auto library = store::load_library(db);
    for (const auto* module : library.all()) names.insert(module->file_name);
  }
  if (kind == "groups")
    for (const auto& group : store::load_groups(db)) names.insert(group.name);
  if (kind == "labels")
    for (const auto& label : store::load_label_counts(db)) names.insert(label.name);
  if (kind == "releases")
    for (const auto& release : store::load_releases(db)) names.insert(release.name);
  return names;
}

}  // namespace

int names(const Context& context, const std::string& kind) {
  try {
    auto db = open_to_read(context);
    for (const auto& name : names_in(db, kind))
      if (log::printable(name) == name) fmt::print("{}\n", name);
  } catch (const store::StoreError&) {
    return 1;  // whoever may not read them is offered none
  }
  return 0;
}

}  // namespace drydock::cli
