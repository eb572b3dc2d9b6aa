#include "state/store_move.hpp"

#include "state/module_fetch.hpp"
#include "state/server_keys.hpp"
#include "store/copy.hpp"
#include "store/devices.hpp"
#include "store/dtls_sessions.hpp"
#include "store/modules.hpp"
#include "store/postgresql_values.hpp"

#include <fmt/core.h>

namespace drydock::state {
namespace {

std::string shown(const store::Location& location) {
  return location.url.empty() ? location.file.string() : store::shown_url(location.url);
}

// To the place where the new database looks for them.
Result<void> copy_file(
    const firmware::ModuleFiles& files, const StateFolder& folder, store::Database& to, const std::string& sha256) {
  const auto content = files.load(sha256);
  if (!content) return tl::unexpected(content.error());
  if (to.engine() == store::Engine::sqlite) return firmware::ModuleFiles(folder.firmware()).save(sha256, **content);
  return to.transact([&](store::Database& db) -> Result<void> {
    store::save_module_file(db, sha256, **content);
    return {};
  });
}

Result<StoreMove> move_between(const StateFolder& folder, const store::Location& to, bool replace) {
  auto source = store::Database::open(folder.location(), store::Access::read_write);
  auto destination = store::Database::open(to, store::Access::read_write);
  for (auto* database : {&source, &destination})
    if (!database->claim())
      return failure(ErrorKind::conflict,
          fmt::format("a Drydock runs on {}: stop it first", shown(database == &source ? folder.location() : to)));
  if (!replace && store::is_used(destination))
    return failure(ErrorKind::conflict,
        fmt::format("there are devices or firmware in {} already: --replace overwrites them", shown(to)));
  const auto keys = load_or_create_server_keys(folder);
  if (!keys) return tl::unexpected(keys.error());
  store::copy_database(source, destination);
  if (!to.url.empty())
    if (auto same = require_same_keys(destination, *keys); !same) return tl::unexpected(same.error());
  StoreMove moved;
  const firmware::ModuleFiles files(folder.firmware(), module_fetch(folder));
  const auto library = store::load_library(destination);
  for (const auto* module : library.all()) {
    if (auto copied = copy_file(files, folder, destination, module->sha256); !copied)
      return failure(copied.error().kind,
          fmt::format("{}: {}. The new database is not complete: move once more, with --replace", module->file_name,
              copied.error().message));
    ++moved.modules;
  }
  moved.devices = store::count_all_devices(destination);
  store::forget_all_dtls_sessions(source);
  return moved;
}

}  // namespace

Result<StoreMove> move_store(const StateFolder& folder, const store::Location& to, bool replace) {
  if (to.url == folder.store_url)
    return failure(ErrorKind::conflict, fmt::format("the database is in {} already", shown(to)));
  if (folder.store_url.empty() && !std::filesystem::exists(folder.database()))
    return failure(ErrorKind::not_found, fmt::format("there is no database in {} to move", folder.root.string()));
  const auto lock = ServiceLock::take(folder);
  if (!lock)
    return failure(ErrorKind::conflict, lock.error().message + ": stop it first ('sudo systemctl stop drydock')");
  return move_between(folder, to, replace);
}

}  // namespace drydock::state
